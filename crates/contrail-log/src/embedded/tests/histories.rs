//! Random histories of one log: whatever was done, offsets stay dense and content exact, and retention keeps its word.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    /// So many messages of so many bytes.
    Append(usize, usize),
    /// Lands up to a share of what there is.
    Land(u8),
    Wait(i64),
    /// Closes and opens.
    Restart,
    /// Reads from a share of what there is, in chunks of this size.
    Read(u8, usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..400usize, 0..60usize).prop_map(|(n, size)| Step::Append(n, size)),
        2 => any::<u8>().prop_map(Step::Land),
        2 => (0..8i64).prop_map(Step::Wait),
        1 => Just(Step::Restart),
        2 => (any::<u8>(), 1..300usize).prop_map(|(from, size)| Step::Read(from, size)),
    ]
}

/// What the log should hold: the value and minute of each message from offset 0 on.
#[derive(Default)]
struct Model {
    messages: Vec<(Vec<u8>, i64)>,
    batches: Vec<(i64, i64)>,
    landed: i64,
}

async fn play(steps: Vec<Step>, compression: Option<i32>) {
    let folder = Folder::new();
    let clock = Clock::fixed(0);
    let options = Options { clock: clock.clone(), compression, ..Options::default() };
    let mut log = Some(folder.open(options.clone()).await);
    let mut model = Model::default();
    for (n, step) in steps.into_iter().enumerate() {
        let now = clock.now();
        let here = log.as_ref().unwrap();
        match step {
            Step::Append(rows, size) => {
                let value = |i: usize| format!("{n}/{i}/").repeat(size / 8).into_bytes();
                let first = model.messages.len();
                model.messages.extend((0..rows).map(|i| (value(i), now)));
                model.batches.push((model.messages.len() as i64, now));
                let new = &model.messages[first..];
                let messages = new.iter().map(|(v, _)| (None::<&[u8]>, Some(v))).collect();
                let position = Some(("feed".to_owned(), n.to_string()));
                let ranges = here.append(Append { messages, position, at: now }).await.unwrap();
                assert_eq!((ranges[0].first, ranges[0].end), (first as i64, model.messages.len() as i64));
                assert_eq!(here.position("feed").await.unwrap(), Some(n.to_string()));
            }
            Step::Land(share) => {
                let landed = model.messages.len() as i64 * i64::from(share) / 255;
                here.landed(&[(PARTITION, landed)].into()).await.unwrap();
                model.landed = model.landed.max(landed);
            }
            Step::Wait(minutes) => clock.set(now + minutes * MINUTE),
            Step::Restart => {
                drop(log.take());
                log = Some(folder.open(options.clone()).await);
            }
            Step::Read(share, size) => {
                let held = range(here).await;
                let from = held.start + (held.end - held.start) * i64::from(share) / 255;
                let mut reader = here.reader([(PARTITION, from)].into()).await.unwrap();
                let mut next = from;
                while let Some(chunk) = reader.next(size, Duration::ZERO).await.unwrap() {
                    assert!(chunk.messages.len() <= size);
                    assert_eq!(chunk.first_offset, next);
                    for (message, at) in chunk.messages.iter().zip(&chunk.appended_at) {
                        let (value, appended) = &model.messages[next as usize];
                        assert_eq!((message.value, message.key, at), (Some(&value[..]), None, appended));
                        next += 1;
                    }
                }
                assert_eq!(next, model.messages.len() as i64);
            }
        }
        let held = range(log.as_ref().unwrap()).await;
        assert_eq!(held.end, model.messages.len() as i64);
        assert!(held.start <= model.landed, "nothing goes that has not landed");
        let young = model.batches.iter().find(|(_, at)| clock.now() - at <= 10 * MINUTE);
        if let Some((end, _)) = young {
            assert!(held.start < *end, "nothing goes that is young");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn offsets_stay_dense_and_content_exact(
        steps in proptest::collection::vec(step(), 1..40),
        compression in prop_oneof![Just(None), Just(Some(-1))],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(play(steps, compression));
    }
}
