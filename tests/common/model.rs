//! What the server must answer, as far as few lines can tell: the most common commands of five types.
//!
//! A key that other commands have changed is unknown until SET, DEL or FLUSHALL makes it known again.
//! Two rules hold for all commands: one that is answered with an error has changed nothing, nor has
//! one that is not declared to write.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use torc::command::keys::keys;
use torc::command::table::{Entry, TABLE};
use torc::command::{Command, Flags};
use torc::number::parse_i64;
use torc::resp::OwnedArgs;

type Bytes = Vec<u8>;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Value {
    Text(Bytes),
    Hash(BTreeMap<Bytes, Bytes>),
    List(VecDeque<Bytes>),
    Set(BTreeSet<Bytes>),
    SortedSet(BTreeMap<Bytes, i64>),
}

/// A collection of the model.
trait Collection: Default {
    fn of(value: &mut Value) -> Option<&mut Self>;
    fn into_value(self) -> Value;
    fn is_empty(&self) -> bool;
}

macro_rules! collection {
    ($kind:ident, $of:ty) => {
        impl Collection for $of {
            fn of(value: &mut Value) -> Option<&mut Self> {
                match value {
                    Value::$kind(inner) => Some(inner),
                    _ => None,
                }
            }

            fn into_value(self) -> Value {
                Value::$kind(self)
            }

            fn is_empty(&self) -> bool {
                self.is_empty()
            }
        }
    };
}

collection!(Hash, BTreeMap<Bytes, Bytes>);
collection!(List, VecDeque<Bytes>);
collection!(Set, BTreeSet<Bytes>);
collection!(SortedSet, BTreeMap<Bytes, i64>);

/// What is known of a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Unknown,
    Absent,
    There(Value),
}

#[derive(Debug)]
enum Reply {
    Ok,
    Nil,
    Integer(i64),
    Double(i64),
    Bulk(Bytes),
    Status(&'static str),
    Error(&'static str),
    Array(Vec<Self>),
}

use Reply::{Bulk, Error, Integer, Nil};

const WRONG_TYPE: Reply =
    Error("WRONGTYPE Operation against a key holding the wrong kind of value");
const NOT_AN_INTEGER: Reply = Error("ERR value is not an integer or out of range");
const OVERFLOW: Reply = Error("ERR increment or decrement would overflow");

/// What a server must hold after the requests so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Model {
    keys: BTreeMap<(usize, Bytes), Key>,
    /// Nothing is known of the keys that are not in `keys`; otherwise they are not there.
    others_unknown: bool,
    db: usize,
    resp3: bool,
    /// CONFIG SET may have changed anything.
    blind: bool,
}

impl Model {
    /// Takes in a request, and checks the reply as far as that can be known.
    pub fn check(&mut self, words: &[Bytes], reply: &[u8]) {
        if self.blind {
            return;
        }
        match self.expect(words) {
            Some(expected) => {
                let shown =
                    words.iter().map(|word| crate::escaped(word)).collect::<Vec<_>>().join(" ");
                let (reply, expected) = (crate::escaped(reply), crate::escaped(&expected));
                assert!(
                    reply == expected,
                    "{shown} is answered with {reply} instead of {expected}"
                );
            }
            None if reply[0] != b'-' => self.forget(words, reply),
            None => {}
        }
    }

    /// Takes in a request if its reply can be known, and tells the reply.
    pub fn expect(&mut self, words: &[Bytes]) -> Option<Bytes> {
        let (answer, mut bytes) = (self.answer(words)?, Vec::new());
        self.write(&answer, &mut bytes);
        Some(bytes)
    }

    /// What is known no longer after a command that is not modelled, or that touched unknown keys.
    fn forget(&mut self, words: &[Bytes], reply: &[u8]) {
        let Some(entry) = find(words) else { return };
        let command = entry.command;
        match &*TABLE.name(entry.number) {
            "select" => self.db = parse_i64(&words[1]).unwrap_or(0) as usize,
            "hello" => self.resp3 = reply[0] == b'%',
            "reset" => (self.db, self.resp3) = (0, false),
            "config|set" => self.blind = true,
            // They keep what they have counted.
            "pfcount" | "pfdebug" => self.forget_keys(command, words),
            _ if !command.flags.has(Flags::WRITE) => {}
            name if name == "copy" || command.flags.has(Flags::EXCLUSIVE) => {
                self.keys.clear();
                self.others_unknown = true;
            }
            _ => self.forget_keys(command, words),
        }
    }

    fn forget_keys(&mut self, command: &'static Command, words: &[Bytes]) {
        let args: OwnedArgs = words.iter().collect();
        for key in keys(command.keys, args.as_args()) {
            self.keys.insert((self.db, key.to_vec()), Key::Unknown);
        }
    }

    /// The reply to a request, if that is known; else nothing was done.
    fn answer(&mut self, words: &[Bytes]) -> Option<Reply> {
        let name = String::from_utf8_lossy(&words[0]).to_ascii_lowercase();
        let words: Vec<&[u8]> = words[1..].iter().map(|word| &word[..]).collect();
        match (&*name, &words[..]) {
            ("flushall", []) => {
                self.keys.clear();
                self.others_unknown = false;
                Some(Reply::Ok)
            }
            ("ping", []) => Some(Reply::Status("PONG")),
            ("echo" | "ping", [word]) => Some(Bulk(word.to_vec())),
            ("set", [key, value]) => {
                self.put(key, Some(Value::Text(value.to_vec())));
                Some(Reply::Ok)
            }
            ("set", [key, value, when]) => {
                let wanted = [(&b"NX"[..], false), (b"XX", true)];
                let (_, wanted) =
                    wanted.iter().find(|(word, _)| when.eq_ignore_ascii_case(word))?;
                if self.get(key)?.is_some() != *wanted {
                    return Some(Nil);
                }
                self.put(key, Some(Value::Text(value.to_vec())));
                Some(Reply::Ok)
            }
            ("msetnx", pairs) if !pairs.is_empty() && pairs.len().is_multiple_of(2) => {
                let keys = pairs.iter().step_by(2);
                let there: Option<Vec<bool>> =
                    keys.map(|key| Some(self.get(key)?.is_some())).collect();
                if there?.contains(&true) {
                    return Some(Integer(0));
                }
                for pair in pairs.chunks(2) {
                    self.put(pair[0], Some(Value::Text(pair[1].to_vec())));
                }
                Some(Integer(1))
            }
            ("rename", [from, to]) => {
                let Some(value) = self.get(from)?.cloned() else {
                    return Some(Error("ERR no such key"));
                };
                self.put(from, None);
                self.put(to, Some(value));
                Some(Reply::Ok)
            }
            ("mset", pairs) if !pairs.is_empty() && pairs.len().is_multiple_of(2) => {
                for pair in pairs.chunks(2) {
                    self.put(pair[0], Some(Value::Text(pair[1].to_vec())));
                }
                Some(Reply::Ok)
            }
            ("del" | "unlink", keys @ [_, ..]) => {
                let known = keys.iter().all(|key| self.get(key).is_some());
                let removed = keys.iter().filter(|key| self.put(key, None)).count();
                known.then_some(Integer(removed as i64))
            }
            ("exists", keys @ [_, ..]) => {
                let there: Option<Vec<bool>> =
                    keys.iter().map(|key| Some(self.get(key)?.is_some())).collect();
                Some(Integer(there?.into_iter().filter(|there| *there).count() as i64))
            }
            ("mget", keys @ [_, ..]) => {
                let text = |key: &&[u8]| match self.get(key)? {
                    Some(Value::Text(text)) => Some(Bulk(text.clone())),
                    _ => Some(Nil),
                };
                keys.iter().map(text).collect::<Option<_>>().map(Reply::Array)
            }
            ("type", [key]) => Some(Reply::Status(match self.get(key)? {
                None => "none",
                Some(Value::Text(_)) => "string",
                Some(Value::Hash(_)) => "hash",
                Some(Value::List(_)) => "list",
                Some(Value::Set(_)) => "set",
                Some(Value::SortedSet(_)) => "zset",
            })),
            (name, [key, rest @ ..]) => self
                .text(name, key, rest)
                .or_else(|| self.hash(name, key, rest))
                .or_else(|| self.list(name, key, rest))
                .or_else(|| self.set(name, key, rest))
                .or_else(|| self.sorted_set(name, key, rest)),
            _ => None,
        }
    }

    fn text(&mut self, name: &str, key: &[u8], words: &[&[u8]]) -> Option<Reply> {
        let step = match (name, words) {
            ("get" | "strlen" | "getdel", []) | ("append" | "setnx" | "getset", [_]) => 0,
            ("incr", []) => 1,
            ("decr", []) => -1,
            ("incrby", [step]) => parse_i64(step)?,
            ("decrby", [step]) => parse_i64(step)?.checked_neg()?,
            _ => return None,
        };
        let old = match self.get(key)? {
            None => None,
            Some(Value::Text(text)) => Some(text.clone()),
            Some(_) if name == "setnx" => return Some(Integer(0)),
            Some(_) => return Some(WRONG_TYPE),
        };
        let bulk = |text: Option<Bytes>| text.map_or(Nil, Bulk);
        Some(match (name, words) {
            ("get", _) => bulk(old),
            ("strlen", _) => Integer(old.map_or(0, |text| text.len() as i64)),
            ("getdel", _) => {
                self.put(key, None);
                bulk(old)
            }
            ("append", [tail]) => {
                let text = [&old.unwrap_or_default()[..], tail].concat();
                let length = text.len() as i64;
                // Nothing at a key that was not there is a key with nothing.
                self.put(key, Some(Value::Text(text)));
                Integer(length)
            }
            ("setnx", [_]) if old.is_some() => Integer(0),
            ("setnx" | "getset", [value]) => {
                self.put(key, Some(Value::Text(value.to_vec())));
                if name == "setnx" { Integer(1) } else { bulk(old) }
            }
            _ => match old.map_or(Some(0), |text| parse_i64(&text)).map(|n| n.checked_add(step)) {
                None => NOT_AN_INTEGER,
                Some(None) => OVERFLOW,
                Some(Some(sum)) => {
                    self.put(key, Some(Value::Text(sum.to_string().into())));
                    Integer(sum)
                }
            },
        })
    }

    fn hash(&mut self, name: &str, key: &[u8], words: &[&[u8]]) -> Option<Reply> {
        type Hash = BTreeMap<Bytes, Bytes>;
        let bulk = |value: Option<&Bytes>| value.cloned().map_or(Nil, Bulk);
        match (name, words) {
            ("hset", pairs) if !pairs.is_empty() && pairs.len().is_multiple_of(2) => {
                let insert = |hash: &mut Hash, pair: &[&[u8]]| {
                    hash.insert(pair[0].to_vec(), pair[1].to_vec()).is_none()
                };
                self.with(key, |hash: &mut Hash| {
                    Integer(pairs.chunks(2).filter(|pair| insert(hash, pair)).count() as i64)
                })
            }
            ("hget", [field]) => self.with(key, |hash: &mut Hash| bulk(hash.get(*field))),
            ("hmget", fields @ [_, ..]) => self.with(key, |hash: &mut Hash| {
                Reply::Array(fields.iter().map(|field| bulk(hash.get(*field))).collect())
            }),
            ("hdel", fields @ [_, ..]) => self.with(key, |hash: &mut Hash| {
                Integer(fields.iter().filter(|field| hash.remove(**field).is_some()).count() as i64)
            }),
            ("hlen", []) => self.with(key, |hash: &mut Hash| Integer(hash.len() as i64)),
            ("hexists", [field]) => {
                self.with(key, |hash: &mut Hash| Integer(hash.contains_key(*field).into()))
            }
            ("hincrby", [field, step]) => {
                let step = parse_i64(step)?;
                self.with(key, |hash: &mut Hash| {
                    let old = hash.get(*field).map_or(Some(0), |text| parse_i64(text));
                    let Some(old) = old else { return Error("ERR hash value is not an integer") };
                    let Some(sum) = old.checked_add(step) else { return OVERFLOW };
                    hash.insert(field.to_vec(), sum.to_string().into());
                    Integer(sum)
                })
            }
            _ => None,
        }
    }

    fn list(&mut self, name: &str, key: &[u8], words: &[&[u8]]) -> Option<Reply> {
        type List = VecDeque<Bytes>;
        match (name, words) {
            ("lpush" | "rpush", elements @ [_, ..]) => self.with(key, |list: &mut List| {
                let front = name == "lpush";
                let push = if front { List::push_front } else { List::push_back };
                elements.iter().for_each(|element| push(list, element.to_vec()));
                Integer(list.len() as i64)
            }),
            ("lpop" | "rpop", []) => self.with(key, |list: &mut List| {
                let pop = if name == "lpop" { List::pop_front } else { List::pop_back };
                pop(list).map_or(Nil, Bulk)
            }),
            ("llen", []) => self.with(key, |list: &mut List| Integer(list.len() as i64)),
            ("lindex", [index]) => {
                let index = parse_i64(index)?;
                self.with(key, |list: &mut List| {
                    let index =
                        if index < 0 { index.saturating_add(list.len() as i64) } else { index };
                    let element = usize::try_from(index).ok().and_then(|index| list.get(index));
                    element.cloned().map_or(Nil, Bulk)
                })
            }
            ("lrange", [start, stop]) => {
                let (start, stop) = (parse_i64(start)?, parse_i64(stop)?);
                self.with(key, |list: &mut List| {
                    let range = range(start, stop, list.len());
                    Reply::Array(list.range(range).cloned().map(Bulk).collect())
                })
            }
            _ => None,
        }
    }

    fn set(&mut self, name: &str, key: &[u8], words: &[&[u8]]) -> Option<Reply> {
        type Set = BTreeSet<Bytes>;
        match (name, words) {
            ("sadd", members @ [_, ..]) => self.with(key, |set: &mut Set| {
                Integer(members.iter().filter(|member| set.insert(member.to_vec())).count() as i64)
            }),
            ("srem", members @ [_, ..]) => self.with(key, |set: &mut Set| {
                Integer(members.iter().filter(|member| set.remove(**member)).count() as i64)
            }),
            ("scard", []) => self.with(key, |set: &mut Set| Integer(set.len() as i64)),
            ("sismember", [member]) => {
                self.with(key, |set: &mut Set| Integer(set.contains(*member).into()))
            }
            _ => None,
        }
    }

    fn sorted_set(&mut self, name: &str, key: &[u8], words: &[&[u8]]) -> Option<Reply> {
        type SortedSet = BTreeMap<Bytes, i64>;
        let ordered = |set: &SortedSet| {
            let mut order: Vec<_> =
                set.iter().map(|(member, score)| (*score, member.clone())).collect();
            order.sort();
            order
        };
        match (name, words) {
            ("zadd", pairs) if !pairs.is_empty() && pairs.len().is_multiple_of(2) => {
                let score =
                    |pair: &[&[u8]]| parse_i64(pair[0]).filter(|s| s.unsigned_abs() < 1 << 30);
                let scores: Option<Vec<i64>> = pairs.chunks(2).map(score).collect();
                let scores = scores?;
                self.with(key, |set: &mut SortedSet| {
                    let members = pairs.chunks(2).map(|pair| pair[1].to_vec());
                    let mut insert = |(member, score)| set.insert(member, score).is_none();
                    Integer(
                        members.zip(scores).filter_map(|pair| insert(pair).then_some(())).count()
                            as i64,
                    )
                })
            }
            ("zrem", members @ [_, ..]) => self.with(key, |set: &mut SortedSet| {
                Integer(
                    members.iter().filter(|member| set.remove(**member).is_some()).count() as i64
                )
            }),
            ("zcard", []) => self.with(key, |set: &mut SortedSet| Integer(set.len() as i64)),
            ("zscore", [member]) => self.with(key, |set: &mut SortedSet| {
                set.get(*member).map_or(Nil, |score| Reply::Double(*score))
            }),
            ("zrank", [member]) => self.with(key, |set: &mut SortedSet| {
                let rank = ordered(set).iter().position(|(_, other)| other == member);
                rank.map_or(Nil, |rank| Integer(rank as i64))
            }),
            ("zrange", [start, stop]) => {
                let (start, stop) = (parse_i64(start)?, parse_i64(stop)?);
                self.with(key, |set: &mut SortedSet| {
                    let range = range(start, stop, set.len());
                    Reply::Array(ordered(set)[range].iter().map(|(_, m)| Bulk(m.clone())).collect())
                })
            }
            _ => None,
        }
    }

    /// What does something to a collection, which is not there when it is empty.
    fn with<T: Collection>(
        &mut self,
        key: &[u8],
        change: impl FnOnce(&mut T) -> Reply,
    ) -> Option<Reply> {
        self.get(key)?;
        let entry = self.keys.entry((self.db, key.to_vec())).or_insert(Key::Absent);
        if matches!(entry, Key::Absent) {
            *entry = Key::There(T::default().into_value());
        }
        let Key::There(value) = entry else { return None };
        let Some(collection) = T::of(value) else { return Some(WRONG_TYPE) };
        let reply = change(collection);
        if collection.is_empty() {
            *entry = Key::Absent;
        }
        Some(reply)
    }

    /// The value of a key of which is known whether it is there.
    fn get(&self, key: &[u8]) -> Option<Option<&Value>> {
        match self.keys.get(&(self.db, key.to_vec())) {
            Some(Key::Unknown) => None,
            Some(Key::There(value)) => Some(Some(value)),
            Some(Key::Absent) => Some(None),
            None => (!self.others_unknown).then_some(None),
        }
    }

    /// True if there was a value before.
    fn put(&mut self, key: &[u8], value: Option<Value>) -> bool {
        let key_is = value.map_or(Key::Absent, Key::There);
        let before = self.keys.insert((self.db, key.to_vec()), key_is);
        matches!(before, Some(Key::There(_)))
    }

    fn write(&self, reply: &Reply, to: &mut Bytes) {
        let bulk = |text: &[u8], to: &mut Bytes| {
            to.extend(format!("${}\r\n", text.len()).bytes());
            to.extend(text);
            to.extend(b"\r\n");
        };
        match reply {
            Reply::Ok => to.extend(b"+OK\r\n"),
            Nil if self.resp3 => to.extend(b"_\r\n"),
            Nil => to.extend(b"$-1\r\n"),
            Integer(number) => to.extend(format!(":{number}\r\n").bytes()),
            Reply::Double(number) if self.resp3 => to.extend(format!(",{number}\r\n").bytes()),
            Reply::Double(number) => bulk(number.to_string().as_bytes(), to),
            Bulk(text) => bulk(text, to),
            Reply::Status(text) => to.extend(format!("+{text}\r\n").bytes()),
            Error(text) => to.extend(format!("-{text}\r\n").bytes()),
            Reply::Array(elements) => {
                to.extend(format!("*{}\r\n", elements.len()).bytes());
                elements.iter().for_each(|element| self.write(element, to));
            }
        }
    }
}

/// The command that a request is for; a subcommand of a container.
pub fn find(words: &[Bytes]) -> Option<Entry> {
    let entry = TABLE.find(&words[0])?;
    let subcommand = words.get(1).and_then(|name| TABLE.find_subcommand(entry, name));
    Some(subcommand.unwrap_or(entry))
}

/// The places from `start` to `stop`, either of which may count from the end.
fn range(start: i64, stop: i64, len: usize) -> std::ops::Range<usize> {
    let len = len as i64;
    let from_front = |place: i64| if place < 0 { place.saturating_add(len) } else { place };
    let (start, stop) = (from_front(start).max(0), from_front(stop).min(len - 1));
    if start > stop { 0..0 } else { start as usize..stop as usize + 1 }
}
