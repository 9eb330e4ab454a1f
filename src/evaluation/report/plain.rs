//! Tables as LaTeX and as Markdown.

use std::fmt::Write;

use super::table::{RowKind, Table};
use super::words::{Latex, Markdown};

/// The tables as LaTeX for the packages booktabs and textcomp: one `table` each, intervals left out.
pub fn latex(tables: &[Table]) -> String {
    let mut out = String::from("% Needs \\usepackage{booktabs} and \\usepackage{textcomp}. Shares are in percent.\n");
    for table in tables {
        let columns = "r".repeat(table.columns.len());
        let _ = writeln!(out, "\\begin{{table}}\n\\centering\n\\begin{{tabular}}{{l{columns}}}\n\\toprule");
        for column in &table.columns {
            let _ = write!(out, " & {}", Latex(&column.name));
        }
        out.push_str(" \\\\\n\\midrule\n");
        let mut in_models = true;
        for (place, row) in table.rows.iter().enumerate() {
            let is_model = matches!(row.kind, RowKind::Model(_));
            if in_models && !is_model {
                out.push_str("\\midrule\n");
            }
            in_models = is_model;
            let name = Latex(&row.name);
            let _ = if is_model { write!(out, "{name}") } else { write!(out, "\\textit{{{name}}}") };
            for (number, (cell, column)) in row.cells.iter().zip(&table.columns).enumerate() {
                let text = Latex(column.text(cell.value));
                let best = table.best(number).contains(&place);
                let _ = if best { write!(out, " & \\textbf{{{text}}}") } else { write!(out, " & {text}") };
                if let Some((published, note)) = &cell.published {
                    let _ = write!(out, " ({}$^{{{note}}}$)", Latex(published));
                }
            }
            out.push_str(" \\\\\n");
        }
        let _ = writeln!(out, "\\bottomrule\n\\end{{tabular}}");
        let _ = write!(out, "\\caption{{{}. {}.", Latex(&table.title), Latex(&table.caption));
        for (number, note) in table.notes.iter().enumerate() {
            let _ = write!(out, " $^{{{}}}$ in parentheses, as printed: {}.", number + 1, Latex(note));
        }
        let _ = writeln!(out, "}}\n\\label{{tab:{}}}\n\\end{{table}}\n", table.id);
    }
    out
}

/// The tables as Markdown, with 95 % intervals.
pub fn markdown(tables: &[Table]) -> String {
    let mut out = String::new();
    for table in tables {
        let _ = writeln!(out, "### {}\n\n{}\n", Markdown(&table.title), Markdown(&table.caption));
        out.push('|');
        for column in &table.columns {
            let _ = write!(out, " | {}", Markdown(&column.name));
        }
        out.push_str(" |\n|---|");
        out.push_str(&"---:|".repeat(table.columns.len()));
        out.push('\n');
        for (place, row) in table.rows.iter().enumerate() {
            let name = Markdown(&row.name);
            let is_model = matches!(row.kind, RowKind::Model(_));
            let _ = if is_model { write!(out, "| {name}") } else { write!(out, "| *{name}*") };
            for (number, (cell, column)) in row.cells.iter().zip(&table.columns).enumerate() {
                let text = column.text(cell.value);
                let best = table.best(number).contains(&place);
                let _ = if best { write!(out, " | **{text}**") } else { write!(out, " | {text}") };
                if let Some([low, high]) = cell.interval {
                    let _ = write!(out, " ({}–{})", column.text(low), column.text(high));
                }
                if let Some((published, note)) = &cell.published {
                    let _ = write!(out, " printed: {} [{note}]", Markdown(published));
                }
            }
            out.push_str(" |\n");
        }
        out.push('\n');
        for (number, note) in table.notes.iter().enumerate() {
            let _ = writeln!(out, "{}. {}", number + 1, Markdown(note));
        }
        out.push('\n');
    }
    out
}
