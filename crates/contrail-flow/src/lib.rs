//! What runs when: the loops of the roles, the rules of progress, the ledger.
pub mod rules;
