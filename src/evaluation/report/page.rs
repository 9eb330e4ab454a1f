//! The report as one page of HTML that loads nothing.

use std::fmt::Write;

use crate::evaluation::RunSummary;

use super::chart;
use super::clip_picture::{ClipPicture, Shown, Subject};
use super::figures::{self, Drawn, charts};
use super::points::{Points, paired};
use super::retrieved::Retrieved;
use super::table::{RowKind, Table};
use super::tables::{protocol_explanation, protocol_title, tables};
use super::words::{Html, count, short_percent};

const STYLE: &str = include_str!("style.css");

/// Clips of a class that its mean needs to be listed.
const FEWEST_OF_CLASS: usize = 5;
/// Classes that are listed at either end.
const CLASSES_SHOWN: usize = 6;
/// Rows and columns in which the middles of masks are counted.
const CENTRES_SIDE: usize = 20;
/// Failures that are listed.
const FAILURES_SHOWN: usize = 40;

/// The page of a run. `points` are its rows by result (see [`super::gather`]), `clips` its best and worst clips, and
/// `remarks` what a reader must know of how the page was made.
pub fn html(
    run: &RunSummary,
    points: &[Points],
    clips: &[ClipPicture],
    retrieved: Option<&Retrieved>,
    remarks: &[String],
) -> String {
    let tables = tables(run);
    let mut page = Page { run, points, out: String::with_capacity(1 << 18) };
    page.head();
    page.top(remarks, retrieved.is_some());
    for (number, described) in run.run.protocols.iter().enumerate() {
        let suffix = format!("-{}", number + 1);
        let own: Vec<&Table> = tables.iter().filter(|table| table.id.ends_with(&suffix)).collect();
        if own.is_empty() {
            continue;
        }
        let _ = write!(page.out, "<section id=\"protocol{suffix}\">");
        page.protocol(&described.protocol, &described.choices, &own);
        let drawn = figures::drawn(run, points, &described.protocol);
        page.figures(&drawn);
        page.differences(&drawn);
        let shown: Vec<&ClipPicture> =
            clips.iter().filter(|clip| clip.subject.protocol == described.protocol).collect();
        page.clips(&shown);
        page.out.push_str("</section>");
    }
    if let Some(retrieved) = retrieved {
        page.retrieval(retrieved);
    }
    page.mean_maps();
    page.run_facts();
    page.out.push_str("</main><footer>");
    let _ = write!(page.out, "Made by {}. Intervals are 95 % bootstrap intervals over clips.", Html(&run.run.software));
    page.out.push_str("</footer></body></html>\n");
    page.out
}

struct Page<'a> {
    run: &'a RunSummary,
    points: &'a [Points],
    out: String,
}

impl Page<'_> {
    fn head(&mut self) {
        let dataset = &self.run.run.dataset;
        let _ = write!(
            self.out,
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none';style-src 'unsafe-inline';img-src data:\">\
             <title>{} · {}</title><style>{STYLE}</style></head><body>",
            Html(&dataset.benchmark),
            Html(&dataset.name)
        );
    }

    fn top(&mut self, remarks: &[String], retrieved: bool) {
        let run = self.run;
        let dataset = &run.run.dataset;
        let known = dataset.benchmark != crate::dataset::Benchmark::Plain.name();
        let title = if known { &dataset.benchmark } else { &dataset.name };
        let list = dataset.list.as_deref().unwrap_or(&dataset.name);
        let scored = run.results.iter().map(|result| result.scored).max().unwrap_or(0);
        let _ = write!(
            self.out,
            "<header class=\"top\"><div><p class=\"over\">Sonolens evaluation</p><h1>{}</h1><p class=\"list\">{}</p>\
             <ul class=\"facts\">",
            Html(title),
            Html(list)
        );
        let facts = [
            (run.run.models.len(), "models"),
            (dataset.clips, "clips in the list"),
            (scored, "questions answered a model"),
            (dataset.missing, "clips without their media"),
            (run.failed_clips, "clips with a failure"),
        ];
        for (number, what) in facts {
            let _ = write!(self.out, "<li><b>{}</b><span>{what}</span></li>", count(number));
        }
        self.out.push_str("</ul>");
        if run.failed_clips > 0 {
            let _ = write!(
                self.out,
                "<p class=\"banner\"><b>Partial.</b> Clips with a question that has no answer: {}; the reasons are at the \
                 <a href=\"#run\">end of the page</a>. Figures are over the clips that were answered.</p>",
                count(run.failed_clips)
            );
        }
        let partial = [
            run.run.limit.map(|limit| format!("Only the first {} clips were asked.", count(limit))),
            run.run.shard.map(|shard| format!("This is share {shard} of a run.")),
        ];
        for remark in partial.iter().flatten().chain(remarks) {
            let _ = write!(self.out, "<p class=\"banner\">{}</p>", Html(remark));
        }
        self.out.push_str("</div></header><nav><div>");
        for (number, described) in run.run.protocols.iter().enumerate() {
            let title = protocol_title(&described.protocol);
            let _ = write!(self.out, "<a href=\"#protocol-{}\">{}</a>", number + 1, Html(title));
        }
        if retrieved {
            self.out.push_str("<a href=\"#retrieved\">Retrieval</a>");
        }
        self.out.push_str("<a href=\"#maps\">Mean maps</a><a href=\"#run\">The run</a></div></nav><main>");
    }

    fn protocol(&mut self, protocol: &str, choices: &str, tables: &[&Table]) {
        let _ = write!(self.out, "<h2>{}</h2>", Html(protocol_title(protocol)));
        let _ = write!(self.out, "<p class=\"lead\">{}</p>", Html(protocol_explanation(protocol)));
        self.out.push_str("<ul class=\"choices\" aria-label=\"The choices that made each figure\">");
        for choice in choices.split(", ") {
            match choice.split_once(' ') {
                Some((part, value)) => {
                    let _ = write!(self.out, "<li>{} <b>{}</b></li>", Html(part), Html(value));
                }
                None => {
                    let _ = write!(self.out, "<li>{}</li>", Html(choice));
                }
            }
        }
        self.out.push_str("</ul>");
        for (number, table) in tables.iter().enumerate() {
            if number > 0 {
                let title = table.title.split(" · ").next().unwrap_or(&table.title);
                let _ = write!(self.out, "<h3>{}</h3>", Html(title));
            }
            self.table(table);
        }
    }

    fn table(&mut self, table: &Table) {
        let _ = write!(self.out, "<div class=\"card scroll\" id=\"{}\"><table><thead><tr><th>Model</th>", table.id);
        for column in &table.columns {
            let _ = write!(self.out, "<th title=\"{}\">{}</th>", Html(&column.meaning), Html(&column.name));
        }
        self.out.push_str("</tr></thead><tbody>");
        let mut any_low = false;
        for (place, row) in table.rows.iter().enumerate() {
            match row.kind {
                RowKind::Model(slot) => {
                    let _ = write!(
                        self.out,
                        "<tr><td><span class=\"swatch m{}\"></span>{}</td>",
                        slot % 10,
                        Html(&row.name)
                    );
                }
                RowKind::Reference | RowKind::Ceiling => {
                    let _ = write!(self.out, "<tr class=\"reference\"><td>{}</td>", Html(&row.name));
                }
            }
            for (number, (cell, column)) in row.cells.iter().zip(&table.columns).enumerate() {
                let best = table.best(number).contains(&place);
                let text = column.text(cell.value);
                self.out.push_str(if best { "<td class=\"best\"><b>" } else { "<td>" });
                if cell.below_probe {
                    any_low = true;
                    let _ = write!(self.out, "<span class=\"low\" title=\"not above the fixed probe\">{text} ▾</span>");
                } else {
                    self.out.push_str(&text);
                }
                self.out.push_str(if best { "</b>" } else { "" });
                if let Some([low, high]) = cell.interval {
                    let _ = write!(self.out, "<span class=\"range\">{}–{}</span>", column.text(low), column.text(high));
                }
                if let Some((published, note)) = &cell.published {
                    let _ =
                        write!(self.out, "<span class=\"printed\">printed {}<sup>{note}</sup></span>", Html(published));
                }
                self.out.push_str("</td>");
            }
            self.out.push_str("</tr>");
        }
        self.out.push_str("</tbody></table></div>");
        let mut key = Vec::new();
        if table.rows.iter().any(|row| row.kind == RowKind::Reference) {
            key.push("Shares in percent; small figures are 95 % intervals over clips. Bold is the best of the models.");
            key.push("Grey rows neither look nor listen and are of the same clips.");
        }
        match table.rows.iter().filter(|row| row.kind == RowKind::Ceiling).count() {
            0 => {}
            1 => key.push("The ceiling is the best any mask of the rule's size reaches."),
            _ => key.push(
                "The ceiling is the best any mask of the rule's size reaches; where a model sees a part of the frame, the \
                 rule marks a part of that.",
            ),
        }
        if any_low {
            key.push("▾ is not above the fixed probe, one blob for every clip.");
        }
        if !key.is_empty() {
            let _ = write!(self.out, "<p class=\"key-line\">{}</p>", Html(key.join(" ")));
        }
        if !table.notes.is_empty() {
            self.out.push_str("<ol class=\"notes\">");
            for note in &table.notes {
                let _ = write!(self.out, "<li>{}</li>", Html(note));
            }
            self.out.push_str("</ol>");
        }
    }

    fn figures(&mut self, drawn: &[Drawn<'_>]) {
        let charts = charts(drawn);
        if charts.is_empty() {
            return;
        }
        self.out.push_str("<h3>How they differ</h3><div class=\"charts\">");
        charts.iter().for_each(|chart| chart.html(&mut self.out));
        self.out.push_str("</div>");
        let pointed: Vec<(&Drawn<'_>, Vec<f32>)> = drawn
            .iter()
            .map(|drawn| (drawn, figures::centres(drawn.points, CENTRES_SIDE)))
            .filter(|(_, counts)| counts.iter().any(|&count| count > 0.0))
            .collect();
        if !pointed.is_empty() {
            self.out.push_str(
                "<h3>Where they point</h3><p class=\"lead\">How often the middle of the positive cells lies where in the \
                 frame, over the positives. A single dark spot says that a model hardly looks.</p><div class=\"squares\">",
            );
            for (drawn, counts) in pointed {
                chart::cells(&drawn.result.model, drawn.place, CENTRES_SIDE, &counts, &mut self.out);
            }
            self.out.push_str("</div>");
        }
        self.classes(drawn);
    }

    fn classes(&mut self, drawn: &[Drawn<'_>]) {
        let listed: Vec<_> =
            drawn.iter().map(|drawn| (drawn, figures::classes(drawn.points, FEWEST_OF_CLASS))).collect();
        if listed.iter().all(|(_, classes)| classes.len() < 3) {
            return;
        }
        let _ = write!(
            self.out,
            "<h3>By class</h3><p class=\"lead\">Mean cIoU of the classes with at least {FEWEST_OF_CLASS} clips: the weakest \
             first, then the strongest.</p><div class=\"columns\">"
        );
        for (drawn, classes) in listed {
            let _ = write!(
                self.out,
                "<div class=\"card classes\"><h4><span class=\"swatch m{}\"></span>{}</h4><ol>",
                drawn.place % 10,
                Html(&drawn.result.model)
            );
            let last = classes.len().saturating_sub(CLASSES_SHOWN).max(CLASSES_SHOWN);
            let ends = classes.iter().enumerate().filter(|(place, _)| *place < CLASSES_SHOWN || *place >= last);
            for (_, (class, clips, ciou)) in ends {
                let _ = write!(
                    self.out,
                    "<li><span>{} <span class=\"hash\">{clips}</span></span><span class=\"bar\"><i style=\"width:{:.1}%\"></i>\
                     </span><span>{}</span></li>",
                    Html(class),
                    (ciou * 100.0).clamp(0.0, 100.0),
                    short_percent(*ciou)
                );
            }
            self.out.push_str("</ol></div>");
        }
        self.out.push_str("</div>");
    }

    /// Every pair of models on the same clips.
    fn differences(&mut self, drawn: &[Drawn<'_>]) {
        let mut rows = String::new();
        for (number, first) in drawn.iter().enumerate() {
            for second in drawn.iter().skip(number + 1) {
                let Some(difference) = paired(first.points, second.points) else { continue };
                let interval = difference.difference;
                let certain = difference.p_value < 0.05;
                let _ = write!(
                    rows,
                    "<tr><td>{} − {}</td><td>{}{:+.2}{}<span class=\"range\">{:+.2} to {:+.2}</span></td><td>{}</td><td>{}</td></tr>",
                    Html(&first.result.model),
                    Html(&second.result.model),
                    if certain { "<b>" } else { "" },
                    interval.value * 100.0,
                    if certain { "</b>" } else { "" },
                    interval.low * 100.0,
                    interval.high * 100.0,
                    if difference.p_value < 0.001 { "&lt; 0.001".into() } else { format!("{:.3}", difference.p_value) },
                    if certain { "differ" } else { "no difference found" }
                );
            }
        }
        if rows.is_empty() {
            return;
        }
        let _ = write!(
            self.out,
            "<h3>Is a difference a finding?</h3><p class=\"lead\">Mean cIoU of two models on the same clips: the difference \
             in points, its 95 % interval, and how likely so large a one is if the models' names are exchanged at random.</p>\
             <div class=\"card scroll\"><table><thead><tr><th>Models</th><th>Difference</th><th>p</th><th></th></tr></thead>\
             <tbody>{rows}</tbody></table></div>"
        );
    }

    fn clips(&mut self, clips: &[&ClipPicture]) {
        let headings = [
            (Shown::Worst, "Worst clips", "The positives with the least cIoU"),
            (Shown::Best, "Best clips", "The positives with the most cIoU"),
            (Shown::FalseAlarm, "Loudest false alarms", "The negatives on which the model is most confident"),
        ];
        for (shown, heading, what) in headings {
            if !clips.iter().any(|clip| clip.subject.shown == shown) {
                continue;
            }
            let _ = write!(
                self.out,
                "<h3>{heading}</h3><p class=\"lead\">{what}, a model after the other. The line is the edge of what counts as \
                 positive; dashed boxes are the ground truth.</p>"
            );
            for (place, model) in self.run.run.models.iter().enumerate() {
                let is_own = |subject: &Subject| subject.shown == shown && subject.model == place;
                let own: Vec<_> = clips.iter().filter(|clip| is_own(&clip.subject)).collect();
                if own.is_empty() {
                    continue;
                }
                let _ = write!(
                    self.out,
                    "<h4 style=\"margin-top:18px\"><span class=\"swatch m{}\"></span>{}</h4><div class=\"clips\">",
                    place % 10,
                    Html(&model.label)
                );
                own.iter().for_each(|clip| clip.html(&mut self.out));
                self.out.push_str("</div>");
            }
        }
    }

    fn retrieval(&mut self, retrieved: &Retrieved) {
        let table = retrieved.table(self.run);
        let _ = write!(self.out, "<section id=\"retrieved\"><h2>{}</h2>", Html(&table.title));
        self.table(&table);
        self.out.push_str("<div class=\"charts\">");
        retrieved.charts(self.run).iter().for_each(|chart| chart.html(&mut self.out));
        self.out.push_str("</div></section>");
    }

    fn mean_maps(&mut self) {
        self.out.push_str(
            "<section id=\"maps\"><h2>Mean maps</h2><p class=\"lead\">The mean of a model's maps, each stretched to its own \
             range. What stands out here does so whatever is seen and heard.</p><div class=\"squares\">",
        );
        for map in &self.run.mean_maps {
            let place = self.run.run.models.iter().position(|model| model.label == map.model).unwrap_or(0);
            let name = format!("{} · {} maps", map.model, count(map.maps as usize));
            chart::cells(&name, place, map.side, &map.values(), &mut self.out);
        }
        self.out.push_str("</div></section>");
    }

    fn run_facts(&mut self) {
        let run = self.run;
        let dataset = &run.run.dataset;
        self.out.push_str("<section id=\"run\"><h2>The run</h2><dl class=\"run\">");
        let also = if run.run.sound.also.is_empty() { "nothing else".into() } else { run.run.sound.also.join(", ") };
        let rows = self.points.iter().map(|points| points.0.len()).sum::<usize>();
        let facts = [
            ("Dataset", dataset.path.display().to_string()),
            ("Clips and annotations", format!("SHA-256 {}", dataset.sha256)),
            ("Ground truth", dataset.ground_truth.clone()),
            ("Audio window", run.run.sound.window.clone()),
            ("Positives also asked with", also),
            ("Rows", format!("{}, of which {} are drawn", count(run.rows), count(rows))),
            ("Software", run.run.software.clone()),
        ];
        let classes = run.run.classes.as_ref();
        let classes =
            classes.map(|file| ("Which class is which", format!("{}, SHA-256 {}", file.path.display(), file.sha256)));
        for (name, value) in facts.into_iter().chain(classes) {
            let _ = write!(self.out, "<dt>{name}</dt><dd>{}</dd>", Html(value));
        }
        for (place, model) in run.run.models.iter().enumerate() {
            let _ = write!(
                self.out,
                "<dt><span class=\"swatch m{}\"></span>{}</dt><dd>{}",
                place % 10,
                Html(&model.label),
                Html(&model.system)
            );
            if let Some(remark) = &model.remark {
                let _ = write!(self.out, " · {}", Html(remark));
            }
            for file in &model.files {
                let hash = file.sha256.get(..16).unwrap_or(&file.sha256);
                let _ = write!(
                    self.out,
                    "<br><code>{}</code> <span class=\"hash\">{} bytes, SHA-256 {}…</span>",
                    Html(file.path.display()),
                    count(file.bytes as usize),
                    Html(hash)
                );
            }
            self.out.push_str("</dd>");
        }
        self.out.push_str("</dl>");
        let degenerate: Vec<_> = run.results.iter().filter(|result| !result.degenerate.is_empty()).collect();
        if !degenerate.is_empty() {
            self.out.push_str("<h3>Maps that may mean nothing</h3><ul class=\"notes\">");
            for result in degenerate {
                for (reason, maps) in &result.degenerate {
                    let _ = write!(
                        self.out,
                        "<li>{}, {}: {} × {}</li>",
                        Html(&result.model),
                        Html(&result.protocol),
                        count(*maps),
                        Html(reason)
                    );
                }
            }
            self.out.push_str("</ul>");
        }
        if !run.failures.is_empty() {
            let _ = write!(self.out, "<h3>Without an answer</h3><ul class=\"notes\">");
            for failure in run.failures.iter().take(FAILURES_SHOWN) {
                let _ = write!(
                    self.out,
                    "<li>{} · {}: {}</li>",
                    Html(&failure.clip),
                    Html(&failure.model),
                    Html(&failure.reason)
                );
            }
            let more = run.failures.len().saturating_sub(FAILURES_SHOWN);
            if more > 0 {
                let _ = write!(self.out, "<li>and {} more, in scores.csv</li>", count(more));
            }
            self.out.push_str("</ul>");
        }
        self.out.push_str("</section>");
    }
}
