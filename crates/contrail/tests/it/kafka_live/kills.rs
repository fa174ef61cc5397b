//! Source, lander and broker, killed in turn at any moment and started again.

use contrail_testkit::{Broker, Services};

use super::{Ground, moment};

/// `CONTRAIL_KILLS` kills, 20 unless told otherwise, then all of it runs to the end.
#[test]
fn killed_in_turn_over_kafka_nothing_is_lost_and_nothing_stands_twice() {
    let kills: u64 = std::env::var("CONTRAIL_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(20);
    let Some(registry) = Services::registry() else { return };
    let Some(broker) = Broker::start("kills") else { return };
    let settings = [("registry.url", format!("{registry:?}"))];
    let ground = Ground::new(&broker.kafka().brokers, &settings, 60 + 20 * kills as i64, 150);
    let source = || ground.roles("src", &["source"]);
    let node = || ground.roles("data", &["land", "build", "serve"]);
    let (mut fetches, mut lands) = (source(), node());
    for kill in 0..kills {
        std::thread::sleep(moment(kill, 50, 2_000));
        match kill % 3 {
            0 => {
                fetches.kill();
                fetches = source();
            }
            1 => {
                lands.kill();
                lands = node();
            }
            _ => {
                broker.kill();
                broker.restart();
            }
        }
    }
    let lands = lands.ready();
    ground.wait_landed(&lands);
    fetches.wait_said("feed has ended");
    fetches.stop();
    lands.stop();
    ground.check();
}
