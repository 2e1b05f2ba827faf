//! What every object store must do, whichever adapter it is.
