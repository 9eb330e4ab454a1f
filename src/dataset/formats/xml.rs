//! XML as a tree: bounded in depth and size, without entities of its own.

use std::path::Path;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::text::shown;
use crate::dataset::error::{DatasetError, Place};

/// Annotation formats nest five levels; anything near this is an attack or garbage.
const MAX_DEPTH: usize = 64;

/// A bound on memory: an element costs about a hundred bytes.
const MAX_ELEMENTS: usize = 20_000_000;

/// An element with everything in it.
#[derive(Debug, Default)]
pub struct Element {
    pub name: String,
    pub attributes: Vec<(String, String)>,
    pub children: Vec<Element>,
    /// The text directly in it, without surrounding space.
    pub text: String,
    pub line: u64,
}

impl Element {
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// An attribute that must be there.
    pub fn needed(&self, path: &Path, name: &str) -> Result<&str, DatasetError> {
        self.attribute(name).ok_or_else(|| {
            DatasetError::malformed(path, Place::Line(self.line), format!("<{}> has no attribute {name}", self.name))
        })
    }

    pub fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    pub fn children_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// Text of the element at a path of names below this one; empty text counts as none.
    pub fn text_at(&self, names: &[&str]) -> Option<&str> {
        let element = names.iter().try_fold(self, |element, name| element.child(name))?;
        (!element.text.is_empty()).then_some(element.text.as_str())
    }
}

/// Parses a document and returns its root.
///
/// # Errors
/// Not well formed, nested deeper than 64 elements, or using entities that the document defines itself.
pub fn parse(path: &Path, text: &str) -> Result<Element, DatasetError> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let mut lines = LineCounter { text, byte: 0, line: 1 };
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    let mut elements = 0;
    loop {
        let event = reader.read_event();
        let line = lines.at(usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX));
        let malformed = |message: String| DatasetError::malformed(path, Place::Line(line), message);
        match event.map_err(|error| malformed(error.to_string()))? {
            Event::Start(start) => {
                elements += 1;
                if open.len() >= MAX_DEPTH {
                    return Err(malformed(format!("elements are nested deeper than {MAX_DEPTH}")));
                }
                if elements > MAX_ELEMENTS {
                    return Err(malformed(format!("more than {MAX_ELEMENTS} elements")));
                }
                if root.is_some() {
                    return Err(malformed("a second root element".to_owned()));
                }
                open.push(element_of(path, &start, line)?);
            }
            Event::End(_) => {
                let Some(mut element) = open.pop() else {
                    return Err(malformed("an end without a beginning".to_owned()));
                };
                element.text = element.text.trim().to_owned();
                match open.last_mut() {
                    Some(parent) => parent.children.push(element),
                    None => root = Some(element),
                }
            }
            Event::Text(content) => push_text(&mut open, &content),
            Event::CData(content) => push_text(&mut open, &content),
            Event::GeneralRef(reference) => {
                let character = reference.resolve_char_ref().map_err(|error| malformed(error.to_string()))?;
                match (character, quick_xml::escape::resolve_predefined_entity(&reference)) {
                    (Some(character), _) => push_text(&mut open, character.encode_utf8(&mut [0; 4])),
                    (None, Some(text)) => push_text(&mut open, text),
                    (None, None) => {
                        return Err(malformed(format!(
                            "entity {} is defined by the document itself; such entities are not expanded",
                            shown(&reference)
                        )));
                    }
                }
            }
            Event::Eof => break,
            Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
    if let Some(unclosed) = open.last() {
        let message = format!("the file ends inside <{}>", unclosed.name);
        return Err(DatasetError::malformed(path, Place::Line(unclosed.line), message));
    }
    root.ok_or_else(|| DatasetError::malformed(path, None, "no XML element in it"))
}

fn element_of(path: &Path, start: &BytesStart<'_>, line: u64) -> Result<Element, DatasetError> {
    let malformed = |message: String| DatasetError::malformed(path, Place::Line(line), message);
    let mut element = Element { name: start.name().as_ref().to_owned(), line, ..Element::default() };
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| malformed(error.to_string()))?;
        let value = attribute
            .normalized_value(quick_xml::XmlVersion::Implicit1_0)
            .map_err(|error| malformed(error.to_string()))?;
        element.attributes.push((attribute.key.as_ref().to_owned(), value.into_owned()));
    }
    Ok(element)
}

fn push_text(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

/// Line numbers for byte offsets that only grow.
struct LineCounter<'a> {
    text: &'a str,
    byte: usize,
    line: u64,
}

impl LineCounter<'_> {
    fn at(&mut self, byte: usize) -> u64 {
        let byte = byte.min(self.text.len());
        if let Some(passed) = self.text.as_bytes().get(self.byte..byte) {
            self.line += passed.iter().filter(|byte| **byte == b'\n').count() as u64;
            self.byte = byte;
        }
        self.line
    }
}

/// Text made safe for an element or attribute.
pub fn escaped(text: &str) -> String {
    quick_xml::escape::escape(text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_attributes_and_text() {
        let root =
            parse(Path::new("f.xml"), "<?xml version='1.0'?>\n<a k='1 &amp; 2'>\n<b>x &lt;&#65;</b></a>").unwrap();
        assert_eq!(root.attribute("k"), Some("1 & 2"));
        assert_eq!(root.text_at(&["b"]), Some("x <A"));
        assert_eq!(root.children[0].line, 3);
    }

    #[test]
    fn hostile_documents_are_refused() {
        let bomb = "<!DOCTYPE z [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;\">]>\n<z>&b;</z>";
        let deep = "<a>".repeat(100_000);
        for (text, expected) in [
            (bomb, "line 2"),
            (deep.as_str(), "nested deeper"),
            ("<a><b></a>", "line 1"),
            ("<a>", "ends inside <a>"),
            ("", "no XML element"),
            ("<a/><a/>", "second root"),
        ] {
            let error = parse(Path::new("f.xml"), text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
