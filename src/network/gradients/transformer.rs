//! CLIP's two towers with gradients: pre-norm blocks with heads of 64 and QuickGELU.

use super::dense::Dense;
use super::matrix::{Factor, multiply_into};
use super::parameter::{Order, Parameter, Random, Role};
use crate::network::threads::parallel_map;

/// Width of one attention head in every CLIP.
const HEAD: usize = 64;
const EPSILON: f64 = 1e-5;

/// Layer norm of rows.
#[derive(Debug, Clone, PartialEq)]
struct Norm {
    weight: Parameter,
    bias: Parameter,
}

/// The normalized rows before scale and shift, and 1 / deviation of each.
struct NormTrace {
    normalized: Vec<f32>,
    rates: Vec<f32>,
}

impl Norm {
    fn new(key: &str, width: usize) -> Self {
        let part = |part: &str, value: f32| Parameter::filled(format!("{key}.{part}"), &[width], Role::Trained, value);
        Self { weight: part("weight", 1.0), bias: part("bias", 0.0) }
    }

    fn forward(&self, x: &[f32]) -> (Vec<f32>, NormTrace) {
        let width = self.weight.values.len();
        let mut trace = NormTrace { normalized: Vec::with_capacity(x.len()), rates: Vec::new() };
        let mut y = Vec::with_capacity(x.len());
        for row in x.chunks_exact(width) {
            let mean = row.iter().map(|&v| f64::from(v)).sum::<f64>() / width as f64;
            let variance = row.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / width as f64;
            let rate = 1.0 / (variance + EPSILON).sqrt();
            trace.rates.push(rate as f32);
            for (column, &value) in row.iter().enumerate() {
                let normalized = ((f64::from(value) - mean) * rate) as f32;
                trace.normalized.push(normalized);
                y.push(normalized * self.weight.values[column] + self.bias.values[column]);
            }
        }
        (y, trace)
    }

    fn backward(&mut self, trace: &NormTrace, gradient: &[f32]) -> Vec<f32> {
        let width = self.weight.values.len();
        let mut back = Vec::with_capacity(gradient.len());
        let rows = gradient.chunks_exact(width).zip(trace.normalized.chunks_exact(width)).zip(&trace.rates);
        for ((gradient, normalized), &rate) in rows {
            let (mut mean, mut along) = (0f32, 0f32);
            for column in 0..width {
                self.weight.gradient[column] += gradient[column] * normalized[column];
                self.bias.gradient[column] += gradient[column];
                let weighted = gradient[column] * self.weight.values[column];
                mean += weighted;
                along += weighted * normalized[column];
            }
            let (mean, along) = (mean / width as f32, along / width as f32);
            for column in 0..width {
                let weighted = gradient[column] * self.weight.values[column];
                back.push(rate * (weighted - mean - normalized[column] * along));
            }
        }
        back
    }

    fn visit(&mut self, visit: &mut dyn FnMut(&mut Parameter)) {
        visit(&mut self.weight);
        visit(&mut self.bias);
    }
}

#[derive(Debug, Clone, PartialEq)]
struct Block {
    ln_1: Norm,
    in_proj: Dense,
    out_proj: Dense,
    ln_2: Norm,
    c_fc: Dense,
    c_proj: Dense,
    width: usize,
}

struct BlockTrace {
    ln_1: NormTrace,
    first: Vec<f32>,
    qkv: Vec<f32>,
    /// sequences × heads of tokens × tokens
    probabilities: Vec<Vec<f32>>,
    mixed: Vec<f32>,
    ln_2: NormTrace,
    second: Vec<f32>,
    hidden: Vec<f32>,
    activated: Vec<f32>,
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// Columns of rows `stride` apart, as a matrix of their own.
fn columns(rows: &[f32], stride: usize, first: usize, count: usize) -> Vec<f32> {
    rows.chunks_exact(stride).flat_map(|row| row[first..first + count].iter().copied()).collect()
}

impl Block {
    fn new(key: &str, width: usize, depth: usize, random: &mut Random) -> Self {
        // CLIP's own initialization.
        let attention = (width as f64).powf(-0.5);
        let projection = attention * (2.0 * depth as f64).powf(-0.5);
        let hidden = (2.0 * width as f64).powf(-0.5);
        let mut in_proj = Dense::new("", width, 3 * width, attention, false, random);
        in_proj.weight.key = format!("{key}attn.in_proj_weight");
        if let Some(bias) = &mut in_proj.bias {
            bias.key = format!("{key}attn.in_proj_bias");
        }
        Self {
            ln_1: Norm::new(&format!("{key}ln_1"), width),
            in_proj,
            out_proj: Dense::new(&format!("{key}attn.out_proj"), width, width, projection, false, random),
            ln_2: Norm::new(&format!("{key}ln_2"), width),
            c_fc: Dense::new(&format!("{key}mlp.c_fc"), width, 4 * width, hidden, false, random),
            c_proj: Dense::new(&format!("{key}mlp.c_proj"), 4 * width, width, projection, false, random),
            width,
        }
    }

    /// Queries, keys and values of one head of one sequence.
    fn head(&self, qkv: &[f32], tokens: usize, which: usize) -> [Vec<f32>; 3] {
        let heads = self.width / HEAD;
        let rows = &qkv[which / heads * tokens * 3 * self.width..][..tokens * 3 * self.width];
        [0, 1, 2].map(|part| columns(rows, 3 * self.width, part * self.width + which % heads * HEAD, HEAD))
    }

    fn forward(&self, x: &[f32], tokens: usize, causal: bool) -> (Vec<f32>, BlockTrace) {
        let (first, ln_1) = self.ln_1.forward(x);
        let qkv = self.in_proj.forward(&first);
        let heads = self.width / HEAD;
        let sequences = x.len() / (tokens * self.width);
        let scale = (HEAD as f32).powf(-0.5);
        let attended = parallel_map(sequences * heads, |which| {
            let [queries, keys, values] = self.head(&qkv, tokens, which);
            let mut scores = vec![0f32; tokens * tokens];
            let (q, k) = (Factor::new(&queries, tokens, HEAD), Factor::transposed(&keys, tokens, HEAD));
            multiply_into(&mut scores, false, scale, q, k);
            for (own, row) in scores.chunks_exact_mut(tokens).enumerate() {
                let seen = if causal { own + 1 } else { tokens };
                let largest = row[..seen].iter().copied().fold(f32::NEG_INFINITY, f32::max);
                row[..seen].iter_mut().for_each(|score| *score = (*score - largest).exp());
                let sum: f32 = row[..seen].iter().sum();
                row[..seen].iter_mut().for_each(|score| *score /= sum);
                row[seen..].fill(0.0);
            }
            let mut mixed = vec![0f32; tokens * HEAD];
            let probabilities = Factor::new(&scores, tokens, tokens);
            multiply_into(&mut mixed, false, 1.0, probabilities, Factor::new(&values, tokens, HEAD));
            (scores, mixed)
        });
        let mut mixed = vec![0f32; x.len()];
        let mut probabilities = Vec::with_capacity(attended.len());
        for (which, (scores, part)) in attended.into_iter().enumerate() {
            let (sequence, head) = (which / heads, which % heads);
            for (token, row) in part.chunks_exact(HEAD).enumerate() {
                let at = (sequence * tokens + token) * self.width + head * HEAD;
                mixed[at..at + HEAD].copy_from_slice(row);
            }
            probabilities.push(scores);
        }
        let mut middle = self.out_proj.forward(&mixed);
        middle.iter_mut().zip(x).for_each(|(sum, value)| *sum += value);
        let (second, ln_2) = self.ln_2.forward(&middle);
        let hidden = self.c_fc.forward(&second);
        let activated: Vec<f32> = hidden.iter().map(|&h| h * sigmoid(1.702 * h)).collect();
        let mut y = self.c_proj.forward(&activated);
        y.iter_mut().zip(&middle).for_each(|(sum, value)| *sum += value);
        (y, BlockTrace { ln_1, first, qkv, probabilities, mixed, ln_2, second, hidden, activated })
    }

    fn backward(&mut self, trace: &BlockTrace, gradient: &[f32], tokens: usize) -> Vec<f32> {
        let mut by_hidden = self.c_proj.backward(&trace.activated, gradient);
        by_hidden.iter_mut().zip(&trace.hidden).for_each(|(g, &h)| {
            let s = sigmoid(1.702 * h);
            *g *= s + 1.702 * h * s * (1.0 - s);
        });
        let by_second = self.c_fc.backward(&trace.second, &by_hidden);
        let mut by_middle = self.ln_2.backward(&trace.ln_2, &by_second);
        by_middle.iter_mut().zip(gradient).for_each(|(sum, value)| *sum += value);
        let by_mixed = self.out_proj.backward(&trace.mixed, &by_middle);
        let heads = self.width / HEAD;
        let scale = (HEAD as f32).powf(-0.5);
        let this = &*self;
        let parts = parallel_map(trace.probabilities.len(), |which| {
            let (sequence, head) = (which / heads, which % heads);
            let [queries, keys, values] = this.head(&trace.qkv, tokens, which);
            let rows = &by_mixed[sequence * tokens * this.width..][..tokens * this.width];
            let by_mixed = columns(rows, this.width, head * HEAD, HEAD);
            let probabilities = &trace.probabilities[which];
            let by_answer = Factor::new(&by_mixed, tokens, HEAD);
            let mut by_values = vec![0f32; tokens * HEAD];
            let turned = Factor::transposed(probabilities, tokens, tokens);
            multiply_into(&mut by_values, false, 1.0, turned, by_answer);
            let mut by_scores = vec![0f32; tokens * tokens];
            let values = Factor::transposed(&values, tokens, HEAD);
            multiply_into(&mut by_scores, false, 1.0, by_answer, values);
            for (by_row, row) in by_scores.chunks_exact_mut(tokens).zip(probabilities.chunks_exact(tokens)) {
                let along: f32 = by_row.iter().zip(row).map(|(g, p)| g * p).sum();
                by_row.iter_mut().zip(row).for_each(|(g, p)| *g = p * (*g - along));
            }
            let (mut by_queries, mut by_keys) = (vec![0f32; tokens * HEAD], vec![0f32; tokens * HEAD]);
            let scores = Factor::new(&by_scores, tokens, tokens);
            multiply_into(&mut by_queries, false, scale, scores, Factor::new(&keys, tokens, HEAD));
            let scores = Factor::transposed(&by_scores, tokens, tokens);
            multiply_into(&mut by_keys, false, scale, scores, Factor::new(&queries, tokens, HEAD));
            [by_queries, by_keys, by_values]
        });
        let mut by_qkv = vec![0f32; trace.qkv.len()];
        for (which, parts) in parts.iter().enumerate() {
            let (sequence, head) = (which / heads, which % heads);
            for (part, values) in parts.iter().enumerate() {
                for (token, row) in values.chunks_exact(HEAD).enumerate() {
                    let at = (sequence * tokens + token) * 3 * self.width + part * self.width + head * HEAD;
                    by_qkv[at..at + HEAD].copy_from_slice(row);
                }
            }
        }
        let by_first = self.in_proj.backward(&trace.first, &by_qkv);
        let mut by_x = self.ln_1.backward(&trace.ln_1, &by_first);
        by_x.iter_mut().zip(&by_middle).for_each(|(sum, value)| *sum += value);
        by_x
    }

    fn visit(&mut self, visit: &mut dyn FnMut(&mut Parameter)) {
        self.ln_1.visit(visit);
        self.in_proj.visit(visit);
        self.out_proj.visit(visit);
        self.ln_2.visit(visit);
        self.c_fc.visit(visit);
        self.c_proj.visit(visit);
    }
}

/// The parts that both towers have: positions, blocks, a last norm on one token of each sequence, a projection.
#[derive(Debug, Clone, PartialEq)]
struct Trunk {
    positions: Parameter,
    first_norm: Option<Norm>,
    blocks: Vec<Block>,
    last_norm: Norm,
    /// width × joint
    projection: Parameter,
    width: usize,
    joint: usize,
    causal: bool,
}

struct TrunkTrace {
    tokens: usize,
    first_norm: Option<NormTrace>,
    blocks: Vec<BlockTrace>,
    last_norm: NormTrace,
    last: Vec<f32>,
    /// The token of each sequence that is asked.
    asked: Vec<usize>,
}

impl Trunk {
    /// Sequences of `tokens` rows to embeddings of their asked tokens.
    fn forward(&self, mut x: Vec<f32>, tokens: usize, asked: Vec<usize>) -> (Vec<f32>, TrunkTrace) {
        let positions = &self.positions.values[..tokens * self.width];
        for sequence in x.chunks_exact_mut(tokens * self.width) {
            sequence.iter_mut().zip(positions).for_each(|(sum, value)| *sum += value);
        }
        let first_norm = self.first_norm.as_ref().map(|norm| {
            let (y, trace) = norm.forward(&x);
            x = y;
            trace
        });
        let mut blocks = Vec::with_capacity(self.blocks.len());
        for block in &self.blocks {
            let (y, trace) = block.forward(&x, tokens, self.causal);
            blocks.push(trace);
            x = y;
        }
        let rows = x.chunks_exact(tokens * self.width).zip(&asked);
        let picked: Vec<f32> =
            rows.flat_map(|(rows, token)| rows[token * self.width..][..self.width].iter().copied()).collect();
        let (last, last_norm) = self.last_norm.forward(&picked);
        let count = asked.len();
        let mut embeddings = vec![0f32; count * self.joint];
        let projection = Factor::new(&self.projection.values, self.width, self.joint);
        multiply_into(&mut embeddings, false, 1.0, Factor::new(&last, count, self.width), projection);
        (embeddings, TrunkTrace { tokens, first_norm, blocks, last_norm, last, asked })
    }

    /// The gradient by the rows that came in.
    fn backward(&mut self, trace: &TrunkTrace, gradient: &[f32]) -> Vec<f32> {
        let (count, width, tokens) = (trace.asked.len(), self.width, trace.tokens);
        let by_embedding = Factor::new(gradient, count, self.joint);
        let last = Factor::transposed(&trace.last, count, width);
        multiply_into(&mut self.projection.gradient, true, 1.0, last, by_embedding);
        let mut by_last = vec![0f32; count * width];
        let projection = Factor::transposed(&self.projection.values, width, self.joint);
        multiply_into(&mut by_last, false, 1.0, by_embedding, projection);
        let by_picked = self.last_norm.backward(&trace.last_norm, &by_last);
        let mut by_x = vec![0f32; count * tokens * width];
        for (sequence, (token, row)) in trace.asked.iter().zip(by_picked.chunks_exact(width)).enumerate() {
            by_x[(sequence * tokens + token) * width..][..width].copy_from_slice(row);
        }
        for (block, trace) in self.blocks.iter_mut().zip(&trace.blocks).rev() {
            by_x = block.backward(trace, &by_x, tokens);
        }
        if let (Some(norm), Some(trace)) = (&mut self.first_norm, &trace.first_norm) {
            by_x = norm.backward(trace, &by_x);
        }
        for sequence in by_x.chunks_exact(tokens * width) {
            let positions = &mut self.positions.gradient[..tokens * width];
            positions.iter_mut().zip(sequence).for_each(|(sum, value)| *sum += value);
        }
        by_x
    }

    fn visit(&mut self, visit: &mut dyn FnMut(&mut Parameter)) {
        visit(&mut self.positions);
        if let Some(norm) = &mut self.first_norm {
            norm.visit(visit);
        }
        self.blocks.iter_mut().for_each(|block| block.visit(visit));
        self.last_norm.visit(visit);
        visit(&mut self.projection);
    }
}

/// The measures of a tower.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TowerShape {
    /// A multiple of 64.
    pub width: usize,
    pub depth: usize,
    /// Length of the embeddings that both towers end in.
    pub joint: usize,
}

/// CLIP's image tower with gradients.
#[derive(Debug, Clone, PartialEq)]
pub struct LearningVision {
    /// From a patch's values, channel by channel, to a token.
    patches: Dense,
    class: Parameter,
    trunk: Trunk,
    patch: usize,
    grid: usize,
}

/// What one forward pass of a tower leaves for the way back.
pub struct TowerTrace {
    trunk: TrunkTrace,
    /// Patches, of the image tower.
    patches: Vec<f32>,
    /// Rows of the embedding, of the text tower.
    tokens: Vec<usize>,
}

impl LearningVision {
    /// A fresh tower for pictures of grid × grid patches.
    pub fn new(shape: TowerShape, grid: usize, patch: usize, random: &mut Random) -> Self {
        let TowerShape { width, depth, joint } = shape;
        let scale = (width as f64).powf(-0.5);
        let inputs = 3 * patch * patch;
        let mut patches =
            Dense::new("visual.conv1", inputs, width, (1.0 / inputs as f64).sqrt(), false, random).without_bias();
        patches.weight.shape = vec![width, 3, patch, patch];
        let class = random.normals(width, scale);
        let tokens = grid * grid + 1;
        let positions = random.normals(tokens * width, scale);
        let projection = random.normals(width * joint, scale);
        let trained = |key: &str, shape: &[usize], values: &[f32]| {
            Parameter::new(key, shape, Order::Plain, Role::Trained, values)
        };
        let trunk = Trunk {
            positions: trained("visual.positional_embedding", &[tokens, width], &positions),
            first_norm: Some(Norm::new("visual.ln_pre", width)),
            blocks: (0..depth)
                .map(|block| Block::new(&format!("visual.transformer.resblocks.{block}."), width, depth, random))
                .collect(),
            last_norm: Norm::new("visual.ln_post", width),
            projection: trained("visual.proj", &[width, joint], &projection),
            width,
            joint,
            causal: false,
        };
        Self { patches, class: trained("visual.class_embedding", &[width], &class), trunk, patch, grid }
    }

    /// Pictures (rows of pixels of three channels, as a map without border has them) to embeddings, not normalized.
    pub fn forward(&self, pixels: &[f32]) -> (Vec<f32>, TowerTrace) {
        let side = self.grid * self.patch;
        let places = self.grid * self.grid;
        let mut patches = Vec::with_capacity(pixels.len());
        for picture in pixels.chunks_exact(side * side * 3) {
            for place in 0..places {
                let (top, left) = (place / self.grid * self.patch, place % self.grid * self.patch);
                for channel in 0..3 {
                    for y in top..top + self.patch {
                        let row = &picture[(y * side + left) * 3..(y * side + left + self.patch) * 3];
                        patches.extend(row.iter().skip(channel).step_by(3));
                    }
                }
            }
        }
        let embedded = self.patches.forward(&patches);
        let width = self.trunk.width;
        let mut x = Vec::with_capacity(embedded.len() / places * (places + 1));
        for rows in embedded.chunks_exact(places * width) {
            x.extend_from_slice(&self.class.values);
            x.extend_from_slice(rows);
        }
        let count = pixels.len() / (side * side * 3);
        let (embeddings, trunk) = self.trunk.forward(x, places + 1, vec![0; count]);
        (embeddings, TowerTrace { trunk, patches, tokens: Vec::new() })
    }

    /// Adds to the gradients of all parameters.
    pub fn backward(&mut self, trace: &TowerTrace, gradient: &[f32]) {
        let by_x = self.trunk.backward(&trace.trunk, gradient);
        let (width, tokens) = (self.trunk.width, trace.trunk.tokens);
        let mut by_embedded = Vec::with_capacity(by_x.len());
        for sequence in by_x.chunks_exact(tokens * width) {
            let (class, rest) = sequence.split_at(width);
            self.class.gradient.iter_mut().zip(class).for_each(|(sum, value)| *sum += value);
            by_embedded.extend_from_slice(rest);
        }
        self.patches.backward(&trace.patches, &by_embedded);
    }

    /// All parameters.
    pub fn visit(&mut self, visit: &mut dyn FnMut(&mut Parameter)) {
        self.patches.visit(visit);
        visit(&mut self.class);
        self.trunk.visit(visit);
    }
}

/// CLIP's text tower with gradients.
#[derive(Debug, Clone, PartialEq)]
pub struct LearningText {
    embedding: Parameter,
    trunk: Trunk,
}

impl LearningText {
    /// A fresh tower for so many different tokens and prompts of at most `context` of them.
    pub fn new(shape: TowerShape, vocabulary: usize, context: usize, random: &mut Random) -> Self {
        let TowerShape { width, depth, joint } = shape;
        let embedding = random.normals(vocabulary * width, 0.02);
        let positions = random.normals(context * width, 0.01);
        let projection = random.normals(width * joint, (width as f64).powf(-0.5));
        let trained = |key: &str, shape: &[usize], values: &[f32]| {
            Parameter::new(key, shape, Order::Plain, Role::Trained, values)
        };
        let trunk = Trunk {
            positions: trained("positional_embedding", &[context, width], &positions),
            first_norm: None,
            blocks: (0..depth)
                .map(|block| Block::new(&format!("transformer.resblocks.{block}."), width, depth, random))
                .collect(),
            last_norm: Norm::new("ln_final", width),
            projection: trained("text_projection", &[width, joint], &projection),
            width,
            joint,
            causal: true,
        };
        Self { embedding: trained("token_embedding.weight", &[vocabulary, width], &embedding), trunk }
    }

    /// Prompts (rows of the vocabulary; each ends in its end of text) to embeddings, not normalized.
    pub fn forward(&self, prompts: &[Vec<usize>]) -> (Vec<f32>, TowerTrace) {
        let longest = prompts.iter().map(Vec::len).max().unwrap_or(0);
        let width = self.trunk.width;
        let mut tokens = Vec::with_capacity(prompts.len() * longest);
        for prompt in prompts {
            // What follows the end cannot change the answer: a token sees only those before it.
            tokens.extend(prompt.iter().copied().chain(std::iter::repeat(0)).take(longest));
        }
        let x = tokens.iter().flat_map(|token| self.embedding.values[token * width..][..width].iter().copied());
        let asked = prompts.iter().map(|prompt| prompt.len().saturating_sub(1)).collect();
        let (embeddings, trunk) = self.trunk.forward(x.collect(), longest, asked);
        (embeddings, TowerTrace { trunk, patches: Vec::new(), tokens })
    }

    /// Adds to the gradients of all parameters.
    pub fn backward(&mut self, trace: &TowerTrace, gradient: &[f32]) {
        let by_x = self.trunk.backward(&trace.trunk, gradient);
        let width = self.trunk.width;
        for (token, row) in trace.tokens.iter().zip(by_x.chunks_exact(width)) {
            let to = &mut self.embedding.gradient[token * width..][..width];
            to.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
        }
    }

    /// All parameters.
    pub fn visit(&mut self, visit: &mut dyn FnMut(&mut Parameter)) {
        visit(&mut self.embedding);
        self.trunk.visit(visit);
    }
}
