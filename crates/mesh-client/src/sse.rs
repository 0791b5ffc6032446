//! An incremental parser of `text/event-stream`.

use mesh_core::wire::PROXY_TIMEOUT_MARK;

/// An event that is complete.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Event<'a> {
    /// Its `event`; empty for a message without a name.
    pub(crate) name: &'a [u8],
    /// Its own `id`; empty if it has none.
    pub(crate) id: &'a [u8],
    /// Its `data`, never absent.
    pub(crate) data: &'a [u8],
}

/// Takes bytes as they arrive and gives each event that is complete. Retry times are skipped.
#[derive(Debug, Default)]
pub(crate) struct EventStream {
    /// The line that is not yet complete.
    line: Vec<u8>,
    name: Vec<u8>,
    id: Vec<u8>,
    /// The `data` lines of the event that is not yet complete, each with a line feed behind it.
    data: Vec<u8>,
    /// The last byte was a carriage return, so a line feed belongs to the same line end.
    after_return: bool,
    /// A first line was seen, so a byte order mark is content.
    started: bool,
    /// The proxy says that it cut the stream at its deadline.
    timed_out: bool,
}

impl EventStream {
    /// Reads `bytes` and hands each event that they complete to `on_event`, until it returns
    /// something.
    pub(crate) fn push<T>(
        &mut self,
        bytes: &[u8],
        mut on_event: impl FnMut(Event<'_>) -> Option<T>,
    ) -> Option<T> {
        let mut rest = bytes;
        if std::mem::take(&mut self.after_return) && rest.first() == Some(&b'\n') {
            rest = &rest[1..];
        }
        while let Some(end) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            self.line.extend_from_slice(&rest[..end]);
            let found = self.end_of_line(&mut on_event);
            let is_return = rest[end] == b'\r';
            rest = &rest[end + 1..];
            if is_return {
                match rest.first() {
                    Some(b'\n') => rest = &rest[1..],
                    Some(_) => {}
                    None => self.after_return = true,
                }
            }
            if found.is_some() {
                return found;
            }
        }
        self.line.extend_from_slice(rest);
        None
    }

    /// Reads the event that the stream's orderly end completes.
    pub(crate) fn finish<T>(
        &mut self,
        mut on_event: impl FnMut(Event<'_>) -> Option<T>,
    ) -> Option<T> {
        if !self.line.is_empty() {
            self.end_of_line(&mut on_event);
        }
        self.end_of_line(&mut on_event)
    }

    /// How many bytes are held back.
    pub(crate) fn held(&self) -> usize {
        self.line.len() + self.name.len() + self.id.len() + self.data.len()
    }

    /// Whether the proxy said that it cut the stream at its deadline.
    pub(crate) fn timed_out(&self) -> bool {
        self.timed_out
    }

    fn end_of_line<T>(&mut self, on_event: &mut impl FnMut(Event<'_>) -> Option<T>) -> Option<T> {
        let mut line = self.line.as_slice();
        if !std::mem::replace(&mut self.started, true) {
            line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
        }
        let mut found = None;
        if line.is_empty() {
            if let Some(data) = self.data.strip_suffix(b"\n") {
                found = on_event(Event {
                    name: &self.name,
                    id: &self.id,
                    data,
                });
            }
            self.name.clear();
            self.id.clear();
            self.data.clear();
        } else if let Some(comment) = line.strip_prefix(b":") {
            let comment = comment.trim_ascii_start();
            self.timed_out |= comment.starts_with(PROXY_TIMEOUT_MARK.as_bytes());
        } else {
            let (name, value) = match line.iter().position(|&byte| byte == b':') {
                Some(colon) => (&line[..colon], &line[colon + 1..]),
                None => (line, &[][..]),
            };
            let value = value.strip_prefix(b" ").unwrap_or(value);
            match name {
                b"data" => {
                    self.data.extend_from_slice(value);
                    self.data.push(b'\n');
                }
                b"event" => value.clone_into(&mut self.name),
                b"id" => value.clone_into(&mut self.id),
                _ => {}
            }
        }
        self.line.clear();
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every event of `text`, when it arrives in pieces of `size` bytes.
    fn events(text: &[u8], size: usize) -> (Vec<String>, bool) {
        let mut stream = EventStream::default();
        let mut events = Vec::new();
        let mut keep = |event: Event<'_>| -> Option<()> {
            events.push(String::from_utf8(event.data.to_vec()).unwrap());
            None
        };
        for piece in text.chunks(size) {
            stream.push(piece, &mut keep);
        }
        stream.finish(&mut keep);
        (events, stream.timed_out())
    }

    #[test]
    fn events_are_the_same_however_the_bytes_are_split() {
        let text = "\u{feff}event: message\r\ndata: {\"a\":\"é\"}\r\n\r\n: ping\n\nid: 7\ndata:one\ndata: two\ndata\n\n\
            data:  kept\rdata: x\r\rretry: 3\n\ndata: last"
            .as_bytes();
        let expected = ["{\"a\":\"é\"}", "one\ntwo\n", " kept\nx", "last"];
        for size in 1..=text.len() {
            assert_eq!(events(text, size).0, expected, "in pieces of {size}");
        }
    }

    #[test]
    fn comments_are_skipped_but_the_proxys_mark_is_noticed() {
        for size in 1..60 {
            let (found, timed_out) = events(
                b": hello\n\ndata: {\"cut\n: mesh-proxy-timeout budget=3s\n\n",
                size,
            );
            assert_eq!(found, ["{\"cut"]);
            assert!(timed_out);
        }
        assert!(!events(b"data: mesh-proxy-timeout\n\n", 5).1);
    }

    #[test]
    fn a_name_and_an_id_belong_to_one_event_only() {
        let text =
            b"event: answer\nid: 7-ab\ndata: 1\n\ndata: 2\n\nevent: void\n\nid:8\ndata: 3\n\n";
        for size in 1..=text.len() {
            let mut stream = EventStream::default();
            let mut seen = Vec::new();
            for piece in text.chunks(size) {
                stream.push(piece, |event| -> Option<()> {
                    let fields = [event.name, event.id, event.data].map(<[u8]>::to_vec);
                    seen.push(fields.map(|field| String::from_utf8(field).unwrap()));
                    None
                });
            }
            assert_eq!(
                seen,
                [["answer", "7-ab", "1"], ["", "", "2"], ["", "8", "3"]],
                "in pieces of {size}"
            );
        }
    }

    #[test]
    fn reading_stops_at_the_event_that_is_wanted() {
        let mut stream = EventStream::default();
        let mut seen = 0;
        let found = stream.push(b"data: 1\n\ndata: 2\n\ndata: 3\n\n", |event| {
            seen += 1;
            (event.data == b"2").then(|| event.data.to_vec())
        });
        assert_eq!(found.as_deref(), Some(b"2".as_slice()));
        assert_eq!(seen, 2);
    }
}
