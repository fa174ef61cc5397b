//! Credits: what is left of a day's.

use contrail_types::{Micros, time};

/// Credits a day; OpenSky's figures unless told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budgets {
    /// For all who come without a token, together.
    pub anonymous: u64,
    /// For all who come with one, together.
    pub client: u64,
}

impl Default for Budgets {
    fn default() -> Self {
        Self { anonymous: 400, client: 4000 }
    }
}

impl Budgets {
    /// More than anybody can use, for recordings that must be played to their end.
    pub const ENDLESS: Self = Self { anonymous: 1_000_000_000, client: 1_000_000_000 };
}

/// What was spent on the present day.
#[derive(Clone, Copy, Debug, Default)]
struct Account {
    day: Micros,
    spent: u64,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Accounts {
    anonymous: Account,
    client: Account,
}

impl Accounts {
    /// Takes `cost` from the account; what remains, or how many seconds until there is more.
    pub fn pay(&mut self, client: bool, cost: u64, budgets: Budgets, now: Micros) -> Result<u64, u64> {
        let left = self.left(client, budgets, now);
        if left < cost {
            let wait = time::day_of(now) + time::DAY - now;
            return Err(wait.div_euclid(time::SECOND) as u64 + 1);
        }
        let account = if client { &mut self.client } else { &mut self.anonymous };
        account.spent += cost;
        Ok(left - cost)
    }

    /// What remains of the day's credits; a new day starts anew.
    pub fn left(&mut self, client: bool, budgets: Budgets, now: Micros) -> u64 {
        let (account, limit) =
            if client { (&mut self.client, budgets.client) } else { (&mut self.anonymous, budgets.anonymous) };
        if account.day != time::day_of(now) {
            *account = Account { day: time::day_of(now), spent: 0 };
        }
        limit.saturating_sub(account.spent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_ends_at_midnight_utc() {
        let (mut accounts, budgets) = (Accounts::default(), Budgets { anonymous: 9, client: 4 });
        let evening = 20 * time::DAY - 10 * time::SECOND;
        assert_eq!(accounts.pay(false, 4, budgets, evening), Ok(5));
        assert_eq!(accounts.pay(false, 4, budgets, evening), Ok(1));
        assert_eq!(accounts.pay(false, 4, budgets, evening), Err(11));
        assert_eq!(accounts.pay(false, 1, budgets, evening), Ok(0));
        assert_eq!(accounts.pay(true, 4, budgets, evening), Ok(0));
        assert_eq!(accounts.pay(false, 4, budgets, 20 * time::DAY), Ok(5));
    }
}
