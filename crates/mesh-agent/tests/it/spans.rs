//! Spans on their way to a real Redis.

use std::time::{Duration, Instant};

use mesh_agent::{Span, SpanPublisher};
use mesh_core::Hint;
use mesh_test::ScriptedServer;
use mesh_test::redis::Redis;
use redis::{Commands, Connection};

use crate::registry::eventually;

const LONG: Duration = Duration::from_secs(10);

fn span(number: usize) -> Span {
    [
        ("span_id", number.to_string()),
        ("error", "null".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

fn connect(server: &Redis) -> Connection {
    let client = redis::Client::open(server.url()).expect("a URL");
    client.get_connection().expect("it answers")
}

fn length(connection: &mut Connection) -> u64 {
    let length = redis::cmd("XLEN").arg("mesh:trace").query(connection);
    length.expect("a stream")
}

/// Publishes until the publisher has a connection, whatever is dropped until then.
fn until_published(publisher: &SpanPublisher) {
    let before = publisher.published();
    eventually("a span is published", || {
        publisher.publish(span(0));
        publisher.published() > before
    });
}

#[test]
fn a_span_is_an_entry_with_its_fields_in_order() {
    let server = Redis::start().expect("Redis");
    let publisher = SpanPublisher::start(&server.url(), 100_000).expect("a URL");
    publisher.publish(span(7));
    publisher.stop(LONG);
    assert_eq!((publisher.published(), publisher.dropped()), (1, 0));
    let mut connection = connect(&server);
    let entries: Vec<(String, Vec<String>)> = redis::cmd("XRANGE")
        .arg(&["mesh:trace", "-", "+"])
        .query(&mut connection)
        .expect("a stream");
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].1, ["span_id", "7", "error", "null"]);
    publisher.publish(span(8));
    publisher.stop(LONG);
    assert_eq!(publisher.dropped(), 1, "after the stop");
}

#[test]
fn the_stream_is_cut_unless_its_length_is_zero() {
    let server = Redis::start().expect("Redis");
    let mut connection = connect(&server);
    let publish = |max_length: u64| {
        let publisher = SpanPublisher::start(&server.url(), max_length).expect("a URL");
        until_published(&publisher);
        let mut count = publisher.published() + publisher.dropped();
        for _ in 0..3 {
            for number in 0..500 {
                publisher.publish(span(number));
            }
            count += 500;
            eventually("the queue is empty", || {
                publisher.published() + publisher.dropped() >= count
            });
        }
        publisher.stop(LONG);
        publisher.published()
    };
    let all = publish(0);
    assert_eq!(length(&mut connection), all);
    publish(10);
    assert!(length(&mut connection) < all, "about ten, in whole nodes");
}

#[test]
fn what_redis_misses_is_counted_and_it_is_found_again() {
    let mut server = Redis::start().expect("Redis");
    let publisher = SpanPublisher::start(&server.url(), 1000).expect("a URL");
    until_published(&publisher);
    server.stop().expect("it stops");
    let dropped = publisher.dropped();
    eventually("spans are dropped", || {
        publisher.publish(span(1));
        publisher.dropped() > dropped
    });
    server.resume().expect("it starts");
    until_published(&publisher);
    publisher.stop(LONG);
}

#[test]
fn a_redis_that_refuses_loses_its_spans_and_not_its_connection() {
    let server = Redis::start().expect("Redis");
    let mut connection = connect(&server);
    let () = connection.set("mesh:trace", "no stream").expect("set");
    let publisher = SpanPublisher::start(&server.url(), 1000).expect("a URL");
    eventually("spans are refused", || {
        publisher.publish(span(1));
        publisher.dropped() > 0
    });
    assert_eq!(publisher.published(), 0);
    let () = connection.del("mesh:trace").expect("del");
    until_published(&publisher);
    let clients = redis::cmd("CLIENT").arg("LIST").query(&mut connection);
    let clients: String = clients.expect("a list");
    assert_eq!(clients.lines().count(), 2, "{clients}");
}

#[test]
fn a_redis_that_hangs_delays_nobody() {
    // It accepts and says nothing.
    let server = ScriptedServer::start(|_| unreachable!("Redis does not speak HTTP"));
    let url = server.url().replace("http:", "redis:");
    let publisher = SpanPublisher::start(&url, 1000).expect("a URL");
    let started = Instant::now();
    for number in 0..3000 {
        publisher.publish(span(number));
    }
    assert!(publisher.dropped() >= 3000 - 1024 - 64);
    publisher.stop(Duration::from_millis(250));
    assert!(started.elapsed() < Duration::from_secs(2));
    assert_eq!(publisher.published(), 0);
}

#[test]
fn an_address_that_is_none_is_refused_without_its_password() {
    let error = SpanPublisher::start("http://u:secret@h", 0).unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("`http://***@h` is not the URL of a Redis: "),
        "{text}"
    );
    assert!(!text.contains("secret"));
    let hint = "set `REDIS_URL` to a URL such as `redis://localhost:6379`";
    assert_eq!(error.hint().as_deref(), Some(hint));
}
