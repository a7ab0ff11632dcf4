//! The fault table: each fault injected for real into a running box while somebody writes; one line a fault.
