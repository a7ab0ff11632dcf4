//! Whole-machine test ground.
