//! The stack machine that pickles are programs for (protocols 2 to 5), without the power to call anything.

use std::collections::HashMap;
use std::sync::Arc;

use super::source::ByteStream;
use super::value::{Object, Storage, Value, ValueId, Values};
use super::{CheckpointProblem, rebuild};

/// Bytes of the longest name of a module or class.
const LONGEST_NAME_BYTES: usize = 1024;

/// Runs pickles over one set of values and storages (a legacy checkpoint has five in a row).
#[derive(Default)]
pub(super) struct Unpickler {
    pub(super) values: Values,
    pub(super) storages: Vec<Storage>,
    pub(super) storage_by_key: HashMap<String, usize>,
    /// Bytes and items that known globals copied; a short pickle can ask for the same copy again and again.
    pub(super) copied: usize,
}

/// Where one pickle is being read.
struct Machine<'a, 'source> {
    unpickler: &'a mut Unpickler,
    input: &'a mut ByteStream<'source>,
    stack: Vec<ValueId>,
    /// Heights of the stack at the open marks.
    marks: Vec<usize>,
    memo: HashMap<u32, ValueId>,
}

impl Unpickler {
    /// Reads one pickle, up to its end and no further.
    pub(super) fn read(&mut self, input: &mut ByteStream<'_>) -> Result<ValueId, CheckpointProblem> {
        Machine { unpickler: self, input, stack: Vec::new(), marks: Vec::new(), memo: HashMap::new() }.run()
    }

    /// Counts what is copied out of values, and stops a pickle that only multiplies.
    pub(super) fn copy(&mut self, amount: usize) -> Result<(), CheckpointProblem> {
        const MOST: usize = 64 << 20;
        self.copied = self.copied.saturating_add(amount);
        if self.copied > MOST {
            return Err(CheckpointProblem::TooMany { what: "copies of the same values", limit: MOST });
        }
        Ok(())
    }
}

impl Machine<'_, '_> {
    fn run(&mut self) -> Result<ValueId, CheckpointProblem> {
        loop {
            let opcode = self.byte()?;
            if opcode == b'.' {
                return self.pop();
            }
            self.step(opcode)?;
        }
    }

    fn step(&mut self, opcode: u8) -> Result<(), CheckpointProblem> {
        match opcode {
            0x80 => {
                let protocol = self.byte()?;
                if protocol > 5 {
                    return Err(self.damaged(format!("protocol {protocol} is unknown")));
                }
            }
            0x95 => drop(self.take(8)?),
            b'(' => self.marks.push(self.stack.len()),
            b'0' => drop(self.pop()?),
            b'1' => drop(self.pop_to_mark()?),
            b'2' => {
                let top = self.top()?;
                self.stack.push(top);
            }
            b'N' => self.push(Value::None)?,
            0x88 => self.push(Value::Bool(true))?,
            0x89 => self.push(Value::Bool(false))?,
            b'K' => {
                let number = self.byte()?;
                self.push(Value::Int(i128::from(number)))?;
            }
            b'M' => {
                let number = u16::from_le_bytes(self.array()?);
                self.push(Value::Int(i128::from(number)))?;
            }
            b'J' => {
                let number = i32::from_le_bytes(self.array()?);
                self.push(Value::Int(i128::from(number)))?;
            }
            0x8a => {
                let length = usize::from(self.byte()?);
                self.long(length)?;
            }
            0x8b => {
                let length = self.length4()?;
                self.long(length)?;
            }
            b'G' => {
                let number = f64::from_be_bytes(self.array()?);
                self.push(Value::Float(number))?;
            }
            b'X' | 0x8c | 0x8d => {
                let length = self.length(opcode, 0x8c, 0x8d)?;
                let text = String::from_utf8_lossy(&self.take(length)?).into_owned();
                self.push(Value::Text(text))?;
            }
            // Python 2's str is text in one pickle and raw bytes in the next.
            b'T' | b'U' => {
                let length = self.length(opcode, b'U', 0)?;
                let bytes = self.take(length)?;
                let value = String::from_utf8(bytes).map_or_else(|error| Value::Bytes(error.into_bytes()), Value::Text);
                self.push(value)?;
            }
            b'B' | b'C' | 0x8e | 0x96 => {
                let length = if opcode == 0x96 { self.length8()? } else { self.length(opcode, b'C', 0x8e)? };
                let bytes = self.take(length)?;
                self.push(Value::Bytes(bytes))?;
            }
            b']' => self.push(Value::List(Vec::new()))?,
            b')' => self.push(Value::Tuple(Vec::new()))?,
            b'}' => self.push(Value::Dict(Vec::new()))?,
            0x8f => self.push(Value::Set(Vec::new()))?,
            b'l' => {
                let items = self.pop_to_mark()?;
                self.push(Value::List(items))?;
            }
            b't' => {
                let items = self.pop_to_mark()?;
                self.push(Value::Tuple(items))?;
            }
            0x91 => {
                let items = self.pop_to_mark()?;
                self.push(Value::Set(items))?;
            }
            b'd' => {
                let items = self.pop_to_mark()?;
                let entries = self.pairs(&items)?;
                self.push(Value::Dict(entries))?;
            }
            0x85..=0x87 => {
                let mut items = Vec::with_capacity(3);
                for _ in 0x85..=opcode {
                    items.push(self.pop()?);
                }
                items.reverse();
                self.push(Value::Tuple(items))?;
            }
            b'a' => {
                let item = self.pop()?;
                self.append(vec![item])?;
            }
            b'e' | 0x90 => {
                let items = self.pop_to_mark()?;
                self.append(items)?;
            }
            b's' => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.set_entries(vec![(key, value)])?;
            }
            b'u' => {
                let items = self.pop_to_mark()?;
                let entries = self.pairs(&items)?;
                self.set_entries(entries)?;
            }
            b'q' | b'r' | 0x94 => {
                let slot = match opcode {
                    b'q' => u32::from(self.byte()?),
                    b'r' => u32::from_le_bytes(self.array()?),
                    _ => self.memo.len() as u32,
                };
                let top = self.top()?;
                self.memo.insert(slot, top);
            }
            b'h' | b'j' => {
                let slot = if opcode == b'h' { u32::from(self.byte()?) } else { u32::from_le_bytes(self.array()?) };
                let value = self.memo.get(&slot).copied();
                let value = value.ok_or_else(|| self.damaged(format!("memo {slot} was never set")))?;
                self.stack.push(value);
            }
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.push(Value::Global(Arc::from(format!("{module}.{name}"))))?;
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let values = &self.unpickler.values;
                let (Some(module), Some(name)) = (values.text(module), values.text(name)) else {
                    return Err(self.damaged("a global's name is not text"));
                };
                if module.len().max(name.len()) > LONGEST_NAME_BYTES {
                    return Err(self.damaged("a global's name is too long"));
                }
                let global = Arc::from(format!("{module}.{name}"));
                self.push(Value::Global(global))?;
            }
            b'R' | 0x81 | 0x92 => {
                if opcode == 0x92 {
                    self.pop()?;
                }
                let (arguments, callee) = (self.pop()?, self.pop()?);
                let value = rebuild::call(self.unpickler, callee, arguments).map_err(|problem| self.place(problem))?;
                self.stack.push(value);
            }
            b'b' => {
                let state = self.pop()?;
                let object = self.top()?;
                rebuild::set_state(self.unpickler, object, state).map_err(|problem| self.place(problem))?;
            }
            b'Q' => {
                let id = self.pop()?;
                let value = rebuild::persistent(self.unpickler, id).map_err(|problem| self.place(problem))?;
                self.stack.push(value);
            }
            other => return Err(self.damaged(format!("opcode 0x{other:02x} is not one that checkpoints use"))),
        }
        Ok(())
    }

    fn append(&mut self, items: Vec<ValueId>) -> Result<(), CheckpointProblem> {
        let target = self.top()?;
        match self.unpickler.values.get_mut(target) {
            Some(Value::List(list) | Value::Set(list)) => list.extend(items),
            // What a subclass of list held is of no use without the class.
            Some(Value::Object(_)) => {}
            _ => return Err(self.damaged("it appends to what is no list")),
        }
        Ok(())
    }

    fn set_entries(&mut self, entries: Vec<(ValueId, ValueId)>) -> Result<(), CheckpointProblem> {
        let target = self.top()?;
        match self.unpickler.values.get_mut(target) {
            Some(Value::Dict(dict)) => {
                dict.extend(entries);
                return Ok(());
            }
            Some(Value::Object(Object { state: None, .. })) => {}
            // The entries of a subclass of dict come before its attributes; with both, the entries count.
            Some(Value::Object(Object { state: Some(state), .. })) => {
                let state = *state;
                if let Some(Value::Dict(dict)) = self.unpickler.values.get_mut(state) {
                    dict.extend(entries);
                }
                return Ok(());
            }
            _ => return Err(self.damaged("it sets an entry of what is no dict")),
        }
        let dict = self.unpickler.values.add(Value::Dict(entries))?;
        if let Some(Value::Object(object)) = self.unpickler.values.get_mut(target) {
            object.state = Some(dict);
        }
        Ok(())
    }

    fn pairs(&self, items: &[ValueId]) -> Result<Vec<(ValueId, ValueId)>, CheckpointProblem> {
        let (pairs, rest) = items.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(self.damaged("a dict has a key without a value"));
        }
        Ok(pairs.iter().map(|&[key, value]| (key, value)).collect())
    }

    fn long(&mut self, length: usize) -> Result<(), CheckpointProblem> {
        if length > 16 {
            return Err(self.damaged(format!("an integer takes {length} bytes")));
        }
        let bytes = self.take(length)?;
        let negative = bytes.last().is_some_and(|&last| last >= 0x80);
        let mut number = [if negative { 0xff } else { 0 }; 16];
        for (into, &byte) in number.iter_mut().zip(&bytes) {
            *into = byte;
        }
        self.push(Value::Int(i128::from_le_bytes(number)))
    }

    fn push(&mut self, value: Value) -> Result<(), CheckpointProblem> {
        let id = self.unpickler.values.add(value)?;
        self.stack.push(id);
        Ok(())
    }

    fn top(&self) -> Result<ValueId, CheckpointProblem> {
        let floor = self.marks.last().copied().unwrap_or(0);
        let top = if self.stack.len() > floor { self.stack.last() } else { None };
        top.copied().ok_or_else(|| self.damaged("its stack is empty"))
    }

    fn pop(&mut self) -> Result<ValueId, CheckpointProblem> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    fn pop_to_mark(&mut self) -> Result<Vec<ValueId>, CheckpointProblem> {
        let mark = self.marks.pop().ok_or_else(|| self.damaged("no mark is open"))?;
        Ok(self.stack.split_off(mark.min(self.stack.len())))
    }

    /// A length of one byte for the opcode `short`, of eight for `long`, else of four.
    fn length(&mut self, opcode: u8, short: u8, long: u8) -> Result<usize, CheckpointProblem> {
        if opcode == short {
            Ok(usize::from(self.byte()?))
        } else if opcode == long {
            self.length8()
        } else {
            self.length4()
        }
    }

    fn length4(&mut self) -> Result<usize, CheckpointProblem> {
        Ok(u32::from_le_bytes(self.array()?) as usize)
    }

    fn length8(&mut self) -> Result<usize, CheckpointProblem> {
        let length = u64::from_le_bytes(self.array()?);
        usize::try_from(length).map_err(|_| self.damaged(format!("{length} bytes are claimed")))
    }

    fn byte(&mut self) -> Result<u8, CheckpointProblem> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], CheckpointProblem> {
        self.input.array()?.ok_or_else(|| self.damaged("it ends early"))
    }

    fn take(&mut self, length: usize) -> Result<Vec<u8>, CheckpointProblem> {
        self.input.take(length)?.ok_or_else(|| self.damaged(format!("it ends early: {length} bytes are claimed")))
    }

    fn line(&mut self) -> Result<String, CheckpointProblem> {
        let mut line = Vec::new();
        loop {
            match self.byte()? {
                b'\n' => return Ok(String::from_utf8_lossy(&line).into_owned()),
                _ if line.len() == LONGEST_NAME_BYTES => return Err(self.damaged("a global's name is too long")),
                byte => line.push(byte),
            }
        }
    }

    fn damaged(&self, reason: impl Into<String>) -> CheckpointProblem {
        CheckpointProblem::Pickle { at: self.input.position(), reason: reason.into() }
    }

    /// Problems found while rebuilding do not know where they are.
    fn place(&self, problem: CheckpointProblem) -> CheckpointProblem {
        match problem {
            CheckpointProblem::Pickle { reason, .. } => self.damaged(reason),
            other => other,
        }
    }
}
