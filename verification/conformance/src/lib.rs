//! One set of vectors, many engines: everything is held against golden here.
