//! Signs people up and in and says who they are.
