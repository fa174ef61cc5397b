//! contrail-lake
