//! Lines of coloured text, and rows aligned in columns.

use super::terminal::{Paint, Tone};

/// A line of pieces, each with its tone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Line(Vec<(Tone, String)>);

impl Line {
    /// A line of `pieces`. Control characters are replaced: texts of a server must not move the cursor.
    pub(super) fn of(pieces: impl IntoIterator<Item = (Tone, String)>) -> Self {
        let clean = |text: String| text.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
        Self(pieces.into_iter().map(|(tone, text)| (tone, clean(text))).collect())
    }

    /// The whole line.
    pub(super) fn painted(&self, paint: Paint) -> String {
        self.cut(usize::MAX, paint)
    }

    /// The first `width` characters.
    pub(super) fn cut(&self, width: usize, paint: Paint) -> String {
        let mut left = width;
        let mut text = String::new();
        for (tone, piece) in &self.0 {
            let piece: String = piece.chars().take(left).collect();
            left -= piece.chars().count();
            text.push_str(&paint.text(*tone, &piece));
        }
        text
    }
}

/// A piece of text in a column.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    tone: Tone,
    text: String,
    is_right: bool,
}

impl Cell {
    /// At the left edge of its column.
    pub(super) fn left(tone: Tone, text: &str) -> Self {
        Self { tone, text: text.to_owned(), is_right: false }
    }

    /// At the right edge of its column, as numbers are.
    pub(super) fn right(tone: Tone, text: &str) -> Self {
        Self { tone, text: text.to_owned(), is_right: true }
    }
}

/// Each row as a line. A column is as wide as its longest text; two spaces are between columns, none at the end.
pub(super) fn aligned(rows: Vec<Vec<Cell>>) -> Vec<Line> {
    let width = |text: &str| text.chars().count();
    let mut widths: Vec<usize> = Vec::new();
    for row in &rows {
        widths.resize(widths.len().max(row.len()), 0);
        for (cell, widest) in row.iter().zip(&mut widths) {
            *widest = (*widest).max(width(&cell.text));
        }
    }
    let line = |row: Vec<Cell>| {
        let last = row.iter().rposition(|cell| !cell.text.is_empty()).unwrap_or(0);
        let mut pieces = Vec::new();
        for (at, cell) in row.into_iter().take(last + 1).enumerate() {
            let space = " ".repeat(widths[at] - width(&cell.text));
            let is_last = at == last;
            let padding = |space: String| (Tone::Normal, space);
            match (cell.is_right, is_last) {
                (true, _) => pieces.extend([padding(space), (cell.tone, cell.text)]),
                (false, true) => pieces.push((cell.tone, cell.text)),
                (false, false) => pieces.extend([(cell.tone, cell.text), padding(space)]),
            }
            if !is_last {
                pieces.push(padding("  ".to_owned()));
            }
        }
        Line::of(pieces)
    };
    rows.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_longest_text() {
        let rows = vec![
            vec![Cell::left(Tone::Strong, "NAME"), Cell::right(Tone::Strong, "N"), Cell::left(Tone::Strong, "TEXT")],
            vec![Cell::left(Tone::Normal, "a"), Cell::right(Tone::Normal, "100"), Cell::left(Tone::Normal, "")],
        ];
        let lines: Vec<String> = aligned(rows).iter().map(|line| line.painted(Paint::Plain)).collect();
        assert_eq!(lines, ["NAME    N  TEXT", "a     100"]);
    }

    #[test]
    fn a_line_is_cut_by_characters_and_moves_no_cursor() {
        let line = Line::of([(Tone::Normal, "\u{e4}b".to_owned()), (Tone::Bad, "c\x1b[2Jd".to_owned())]);
        assert_eq!(line.cut(4, Paint::Plain), "\u{e4}bc?");
        assert_eq!(line.cut(3, Paint::Colours), "\u{e4}b\x1b[1;31mc\x1b[0m");
        assert_eq!(line.painted(Paint::Plain), "\u{e4}bc?[2Jd");
    }
}
