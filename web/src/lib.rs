//! Serves the embedded page.
