//! The golden model: plain, slow integer reference of every operator. The law.
