//! contrail-model
