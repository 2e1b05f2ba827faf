//! What every bus must do, whichever adapter it is.
