//! As much of the DNS message format as a test server needs (RFC 1035, section 4).

use std::net::IpAddr;

use crate::dns::{DnsAnswer, DnsKind};

const TYPE_A: u16 = 1;
const TYPE_CNAME: u16 = 5;
const TYPE_AAAA: u16 = 28;
const CLASS_IN: u16 = 1;
const HEADER_BYTES: usize = 12;

/// The first question of a message.
#[derive(Debug)]
pub(crate) struct Question {
    id: [u8; 2],
    /// The question section as it came, to be repeated (the case of the name matters to clients).
    section: Vec<u8>,
    pub(crate) name: String,
    pub(crate) kind: DnsKind,
}

/// Reads the first question; `None` if there is none.
pub(crate) fn parse_question(message: &[u8]) -> Option<Question> {
    let mut at = HEADER_BYTES;
    let mut labels = Vec::new();
    loop {
        let length = usize::from(*message.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        if length > 63 {
            return None;
        }
        labels.push(String::from_utf8_lossy(message.get(at..at + length)?).to_ascii_lowercase());
        at += length;
    }
    let kind = match u16::from_be_bytes([*message.get(at)?, *message.get(at + 1)?]) {
        TYPE_A => DnsKind::A,
        TYPE_AAAA => DnsKind::Aaaa,
        other => DnsKind::Other(other),
    };
    let section = message.get(HEADER_BYTES..at + 4)?.to_vec();
    Some(Question { id: [message[0], message[1]], section, name: labels.join("."), kind })
}

/// The reply to `question`; `None` for silence.
pub(crate) fn encode_reply(question: &Question, answer: &DnsAnswer) -> Option<Vec<u8>> {
    let mut records = Records::default();
    let mut truncated = 0;
    let code = match answer {
        DnsAnswer::Addrs(addrs, ttl) => {
            // A pointer to the name in the question.
            records.push_addrs(&[0xc0, HEADER_BYTES as u8], addrs, question.kind, *ttl);
            0
        }
        DnsAnswer::Alias { to, addrs, ttl } => {
            let to = encode_name(to);
            records.push(&[0xc0, HEADER_BYTES as u8], TYPE_CNAME, *ttl, &to);
            records.push_addrs(&to, addrs, question.kind, *ttl);
            0
        }
        DnsAnswer::Empty => 0,
        DnsAnswer::Truncated => {
            truncated = 0x02;
            0
        }
        DnsAnswer::ServFail => 2,
        DnsAnswer::NxDomain => 3,
        DnsAnswer::Refused => 5,
        DnsAnswer::Garbage => return Some(b"garbage".to_vec()),
        DnsAnswer::Silent | DnsAnswer::After(..) => return None,
    };
    // A response (0x80), authoritative (0x04), to a query that wanted recursion (0x01); it is
    // available (0x80).
    let mut reply = question.id.to_vec();
    reply.extend([0x85 | truncated, 0x80 | code, 0, 1]);
    reply.extend(records.count.to_be_bytes());
    reply.extend([0, 0, 0, 0]);
    reply.extend(&question.section);
    reply.extend(records.bytes);
    Some(reply)
}

#[derive(Debug, Default)]
struct Records {
    count: u16,
    bytes: Vec<u8>,
}

impl Records {
    fn push(&mut self, name: &[u8], kind: u16, ttl: u32, data: &[u8]) {
        self.count += 1;
        self.bytes.extend(name);
        self.bytes.extend(kind.to_be_bytes());
        self.bytes.extend(CLASS_IN.to_be_bytes());
        self.bytes.extend(ttl.to_be_bytes());
        self.bytes.extend(u16::try_from(data.len()).expect("names are short").to_be_bytes());
        self.bytes.extend(data);
    }

    fn push_addrs(&mut self, name: &[u8], addrs: &[IpAddr], asked: DnsKind, ttl: u32) {
        for addr in addrs {
            match (addr, asked) {
                (IpAddr::V4(addr), DnsKind::A) => self.push(name, TYPE_A, ttl, &addr.octets()),
                (IpAddr::V6(addr), DnsKind::Aaaa) => {
                    self.push(name, TYPE_AAAA, ttl, &addr.octets());
                }
                _ => {}
            }
        }
    }
}

fn encode_name(name: &str) -> Vec<u8> {
    let mut encoded = Vec::new();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        encoded.push(u8::try_from(label.len()).expect("a label is below 64 bytes"));
        encoded.extend(label.as_bytes());
    }
    encoded.push(0);
    encoded
}
