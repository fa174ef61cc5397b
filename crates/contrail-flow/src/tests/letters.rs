//! Dead letters: replayed once, by however many at the same time; purged without leaving a hole that nobody knows of.

use std::sync::Arc;

use async_trait::async_trait;
use contrail_log::{Append, Encoder, Level, Lookup, Messages, Registry, RegistryError, Version, codec};

use super::beside_others;
use super::sky::{Reply, T0, story};
use super::world::{Parts, World, every, few};
use crate::letters::{Filter, Letters};

const SUBJECT: &str = "flight-states-value";
/// Nobody registers it.
const UNKNOWN: u32 = 99;

/// A registry that has heard of the unknown schema by now.
struct Later(Arc<dyn Registry>);

#[async_trait]
impl Registry for Later {
    async fn schema(&self, id: u32) -> Result<Lookup, RegistryError> {
        if id == UNKNOWN { Ok(Lookup::Found(codec::SCHEMA.into())) } else { self.0.schema(id).await }
    }

    async fn register(&self, subject: &str, schema: &str) -> Result<u32, RegistryError> {
        self.0.register(subject, schema).await
    }

    async fn peek(&self, id: u32) -> Result<Option<Arc<str>>, RegistryError> {
        self.0.peek(id).await
    }

    async fn check(&self, subject: &str, schema: &str) -> Result<(), RegistryError> {
        self.0.check(subject, schema).await
    }

    async fn subjects(&self) -> Result<Vec<String>, RegistryError> {
        self.0.subjects().await
    }

    async fn versions(&self, subject: &str) -> Result<Vec<Version>, RegistryError> {
        self.0.versions(subject).await
    }

    async fn level(&self, subject: Option<&str>) -> Result<Option<Level>, RegistryError> {
        self.0.level(subject).await
    }

    async fn set_level(&self, subject: Option<&str>, level: Option<Level>) -> Result<(), RegistryError> {
        self.0.set_level(subject, level).await
    }
}

fn told() -> Vec<Reply> {
    let ours = story().into_iter().map(|reply| Reply { rejected: 0, feed: "first", ..reply });
    ours.filter(|reply| !reply.seen.is_empty()).take(4).collect()
}

/// Appends answer `n` under the id that nobody knows.
async fn append_unknown(node: &Parts, replies: &[Reply], n: usize) -> u64 {
    let answer = replies[n].answer(n);
    let ours = Encoder::new(node.registry.as_ref(), SUBJECT).await.unwrap().encode(&answer.states).unwrap();
    let unknown = |message: contrail_log::Message<'_>| {
        let mut bytes = message.value.unwrap().to_vec();
        bytes[1..5].copy_from_slice(&UNKNOWN.to_be_bytes());
        (message.key.map(<[u8]>::to_vec), Some(bytes))
    };
    let messages: Messages = ours.iter().map(unknown).collect();
    let rows = messages.len() as u64;
    let position = Some(("first".into(), n.to_string()));
    node.log.append(Append { messages, position, at: answer.fetch.asked_at }).await.unwrap();
    rows
}

fn letters(node: &Parts, registry: Arc<dyn Registry>) -> Letters {
    let clock = contrail_kit::Clock::system();
    Letters { raw: node.raw.clone(), dead: node.dead.clone(), registry, clock }
}

#[test]
fn letters_that_can_be_read_by_now_land_once() {
    let _turn = beside_others();
    let told = told();
    let world = World::new(few());
    world.run(async |node| {
        node.fill(&told[..2]).await.unwrap();
        let dead = append_unknown(&node, &told, 2).await + append_unknown(&node, &told, 3).await;
        node.land(every(10)).await.unwrap();
        let all = Filter::default();
        let now = letters(&node, node.registry.clone());
        assert_eq!(now.all(&all).await.unwrap().len() as u64, dead);
        let none = now.replay(&all, |_, _| {}).await.unwrap();
        assert_eq!((none.taken, none.done, none.left), (dead, 0, dead));
        assert!(none.reason.unwrap().contains("schema 99"));

        // Two processes at the same time, and once more.
        let later: Arc<dyn Registry> = Arc::new(Later(node.registry.clone()));
        let other = node.beside().await.unwrap();
        let (one, two) = (letters(&node, later.clone()), letters(&other, later.clone()));
        let (one, two) = tokio::join!(one.replay(&all, |_, _| {}), two.replay(&all, |_, _| {}));
        let (one, two) = (one.unwrap(), two.unwrap());
        assert_eq!((one.done + two.done, one.left + two.left), (dead, 0));
        let again = letters(&node, later.clone()).replay(&all, |_, _| {}).await.unwrap();
        assert_eq!((again.done, again.before), (0, dead));
        assert!(now.all(&all).await.unwrap().iter().all(|letter| letter.replayed));
        node.build().await.unwrap();
    });
    world.assert_sound("replayed");
    world.run(async |node| {
        let done = letters(&node, node.registry.clone()).purge(&Filter::default()).await.unwrap();
        assert_eq!((done.taken, done.done, done.before), (done.taken, done.taken, done.taken));
    });
    world.assert_sound("replayed and purged");
    world.assert_content(&told, "as if they had been readable from the start");
}

#[test]
fn purged_letters_are_gone_and_counted() {
    let _turn = beside_others();
    let world = World::new(few());
    let dead = Reply { feed: "first", fetched_at: T0, answer_time: T0, seen: Vec::new(), rejected: 5 };
    let told = [story().into_iter().find(|reply| !reply.seen.is_empty()).unwrap(), dead];
    world.flow(&told, 3).unwrap();
    world.run(async |node| {
        let desk = letters(&node, node.registry.clone());
        let first = desk.all(&Filter::default()).await.unwrap().pop().unwrap();
        let one = Filter { offset: Some(first.offset), ..Filter::default() };
        assert_eq!(desk.purge(&one).await.unwrap().done, 1);
        assert_eq!(desk.purge(&one).await.unwrap().taken, 0);
        let some = Filter { reason: Some("no such reason".into()), ..Filter::default() };
        assert_eq!(desk.purge(&some).await.unwrap().taken, 0);
        let before = desk.all(&Filter::default()).await.unwrap().len();
        let rest = desk.purge(&Filter::default()).await.unwrap();
        assert_eq!((rest.done as usize, rest.before), (before, 0));
        assert_eq!(desk.all(&Filter::default()).await.unwrap(), []);
    });
    world.assert_sound("purged");
}
