//! What every cache must do, whichever adapter it is.
