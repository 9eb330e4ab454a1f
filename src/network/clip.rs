//! CLIP's two towers: the vision transformer and the text transformer.

use candle_core::{DType, Tensor};

use super::norm::LayerNorm;
use super::transformer::Transformer;
use super::{Conv2d, Conv2dConfig, Linear, NetworkError, StateView};

/// CLIP's image tower (ViT): patches, class token, pre-norm blocks, projection of the class token.
pub struct VisionTransformer {
    patches: Conv2d,
    class_embedding: Tensor,
    positional_embedding: Tensor,
    ln_pre: LayerNorm,
    transformer: Transformer,
    ln_post: LayerNorm,
    projection: Linear,
    tail: VisionTail,
    patch: usize,
    grid: usize,
    width: usize,
}

/// What the relevance of a prompt or a sound needs of one image: computed once an image.
#[derive(Debug, Clone)]
pub struct VisionTrace {
    /// The image's embedding (E), not normalized.
    pub embedding: Tensor,
    /// The last block's input (T×W).
    pub block_input: Tensor,
    /// The last block's values (T×W; heads of 64 side by side).
    pub values: Tensor,
    /// The last block's attention probabilities of the class token (heads×T).
    pub attention: Tensor,
    /// The class token after the last block's attention (W).
    pub attended: Tensor,
    /// The class token after the last block (W).
    pub output: Tensor,
}

/// The answer to a query at an image.
#[derive(Debug, Clone)]
pub struct Relevance {
    /// exp(logit scale) times the cosine of image and query.
    pub logit: f32,
    /// The derivative of the logit by the class token's attention in the last block (heads×T).
    pub attention_gradient: Tensor,
    /// Mean over the heads of max(0, attention · gradient) at the patches (grid×grid).
    pub map: Tensor,
}

/// Weights of the last block and the head as plain tensors, for the backward pass through them.
struct VisionTail {
    out_proj: Tensor,
    c_fc: Tensor,
    c_fc_bias: Tensor,
    c_proj: Tensor,
    projection: Tensor,
}

impl VisionTransformer {
    /// Reads the keys of CLIP's `visual.` part (`conv1.weight`, `class_embedding`, `transformer.resblocks.…`).
    pub fn new(weights: &StateView) -> Result<Self, NetworkError> {
        let (width, _, patch, patch_w) = weights.weight_of_rank("conv1.weight", 4)?.dims4()?;
        let positional_embedding = weights.weight_of_rank("positional_embedding", 2)?;
        let tokens = positional_embedding.dim(0)?;
        let grid = (tokens - 1).isqrt();
        if patch != patch_w || grid * grid + 1 != tokens || grid == 0 {
            let problem = format!("{tokens} positions and patches of {patch}×{patch_w} make no square picture");
            return Err(weights.invalid("positional_embedding", problem).into());
        }
        weights.weight_of_shape("positional_embedding", &[tokens, width])?;
        let transformer = Transformer::new(weights, width, false)?;
        let projection = weights.weight_of_rank("proj", 2)?;
        weights.weight_of_shape("proj", &[width, projection.dim(1)?])?;
        let last = weights.under(&format!("transformer.resblocks.{}.", transformer.len() - 1));
        let tail = VisionTail {
            out_proj: last.weight("attn.out_proj.weight")?,
            c_fc: last.weight("mlp.c_fc.weight")?,
            c_fc_bias: last.weight("mlp.c_fc.bias")?,
            c_proj: last.weight("mlp.c_proj.weight")?,
            projection,
        };
        Ok(Self {
            patches: Conv2d::new(weights, "conv1", &Conv2dConfig { stride: patch, ..Conv2dConfig::default() })?,
            class_embedding: weights.weight_of_shape("class_embedding", &[width])?,
            positional_embedding,
            ln_pre: LayerNorm::new(&weights.under("ln_pre."), width)?,
            transformer,
            ln_post: LayerNorm::new(&weights.under("ln_post."), width)?,
            projection: Linear::of_projection(weights, "proj")?,
            tail,
            patch,
            grid,
            width,
        })
    }

    /// Width and height of the pictures that it takes, in pixels.
    pub fn image_size(&self) -> usize {
        self.grid * self.patch
    }

    /// Patches along one side.
    pub fn grid(&self) -> usize {
        self.grid
    }

    /// Length of an embedding.
    pub fn embedding_width(&self) -> usize {
        self.projection.out_features()
    }

    /// N×3×S×S `f32` to N×E embeddings, not normalized.
    pub fn forward(&self, images: &Tensor) -> Result<Tensor, NetworkError> {
        self.project(&self.transformer.forward_token(&self.embed(images)?, 0)?)
    }

    /// One picture (1×3×S×S): its embedding and what [`Self::relevance`] needs.
    pub fn trace(&self, image: &Tensor) -> Result<VisionTrace, NetworkError> {
        let (block_input, last) = self.transformer.trace_token(&self.embed(image)?, 0)?;
        Ok(VisionTrace {
            embedding: self.project(&last.output.unsqueeze(0)?)?.squeeze(0)?,
            block_input,
            values: last.values,
            attention: last.attention,
            attended: last.attended,
            output: last.output,
        })
    }

    /// How much each patch supports the agreement of a traced picture with a query embedding (E): the simplified
    /// relevance of Transformer-MM-Explainability for the last block, with its gradient in closed form.
    pub fn relevance(&self, trace: &VisionTrace, query: &Tensor, logit_scale: f32) -> Result<Relevance, NetworkError> {
        if query.elem_count() != self.embedding_width() {
            return Err(NetworkError::input(
                "relevance",
                format!("a query of {}", self.embedding_width()),
                query.dims(),
            ));
        }
        let embedding: Vec<f32> = trace.embedding.to_vec1()?;
        let query: Vec<f32> = query.flatten_all()?.to_vec1()?;
        let embedding_norm = norm(&embedding);
        let query_norm = norm(&query);
        let cosine = embedding.iter().zip(&query).map(|(&f, &q)| f64::from(f) * f64::from(q)).sum::<f64>()
            / (embedding_norm * query_norm);
        let scale = f64::from(logit_scale).exp();
        let gradient: Vec<f32> = embedding
            .iter()
            .zip(&query)
            .map(|(&f, &q)| {
                (scale * (f64::from(q) / query_norm - cosine * f64::from(f) / embedding_norm) / embedding_norm) as f32
            })
            .collect();

        let device = trace.embedding.device();
        let column = |values: Vec<f32>| {
            let length = values.len();
            Tensor::from_vec(values, (length, 1), device)
        };
        let Some(ln_2) = self.transformer.last_ln_2() else {
            return Err(NetworkError::input("relevance", "at least one block", &[0]));
        };
        let by_norm = self.tail.projection.matmul(&column(gradient)?)?.flatten_all()?;
        let by_output = layer_norm_transposed(&self.ln_post, &trace.output, &by_norm.to_vec1()?)?;
        let by_activation: Vec<f32> =
            self.tail.c_proj.t()?.matmul(&column(by_output.clone())?)?.flatten_all()?.to_vec1()?;
        let normalized = ln_2.apply(&trace.attended.unsqueeze(0)?)?;
        let hidden = (self.tail.c_fc.matmul(&normalized.t()?)?.flatten_all()? + &self.tail.c_fc_bias)?;
        let by_hidden: Vec<f32> = hidden
            .to_vec1::<f32>()?
            .iter()
            .zip(&by_activation)
            .map(|(&h, &g)| {
                let sigma = 1.0 / (1.0 + (-1.702 * h).exp());
                g * (sigma + 1.702 * h * sigma * (1.0 - sigma))
            })
            .collect();
        let by_normalized = self.tail.c_fc.t()?.matmul(&column(by_hidden)?)?.flatten_all()?;
        let through_mlp = layer_norm_transposed(ln_2, &trace.attended, &by_normalized.to_vec1()?)?;
        let by_attended: Vec<f32> = by_output.iter().zip(&through_mlp).map(|(a, b)| a + b).collect();
        let by_mixed: Vec<f32> = self.tail.out_proj.t()?.matmul(&column(by_attended)?)?.flatten_all()?.to_vec1()?;

        let values: Vec<Vec<f32>> = trace.values.to_vec2()?;
        let attention: Vec<Vec<f32>> = trace.attention.to_vec2()?;
        let head_width = self.width / attention.len().max(1);
        let mut attention_gradient = Vec::with_capacity(attention.len() * values.len());
        let mut mean = vec![0f32; values.len()];
        for (head, row) in attention.iter().enumerate() {
            let columns = head * head_width..(head + 1) * head_width;
            for (token, &probability) in row.iter().enumerate() {
                let products = by_mixed[columns.clone()].iter().zip(&values[token][columns.clone()]);
                let gradient: f32 = products.map(|(g, v)| g * v).sum();
                attention_gradient.push(gradient);
                mean[token] += (probability * gradient).max(0.0) / attention.len() as f32;
            }
        }
        Ok(Relevance {
            logit: (scale * cosine) as f32,
            attention_gradient: Tensor::from_vec(attention_gradient, (attention.len(), values.len()), device)?,
            map: Tensor::from_vec(mean.split_off(1), (self.grid, self.grid), device)?,
        })
    }

    /// Patches and the class token with their positions, after `ln_pre`: N×T×W.
    fn embed(&self, images: &Tensor) -> Result<Tensor, NetworkError> {
        let side = self.image_size();
        match images.dims() {
            &[_, _, h, w] if (h, w) == (side, side) => {}
            found => return Err(NetworkError::input("the image tower", format!("N×3×{side}×{side}"), found)),
        }
        let patches = self.patches.forward(images)?.flatten_from(2)?.transpose(1, 2)?;
        let class = self.class_embedding.reshape((1, 1, self.width))?.repeat((images.dim(0)?, 1, 1))?;
        let tokens = Tensor::cat(&[&class, &patches], 1)?.broadcast_add(&self.positional_embedding)?;
        self.ln_pre.apply(&tokens)
    }

    /// The class tokens (N×W) to embeddings (N×E).
    fn project(&self, x: &Tensor) -> Result<Tensor, NetworkError> {
        self.projection.forward(&self.ln_post.apply(x)?)
    }
}

fn norm(values: &[f32]) -> f64 {
    values.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt()
}

/// The transposed derivative of a layer norm at `x`, applied to `gradient`:
/// `(a − mean(a) − x̂ · mean(a ⊙ x̂)) / sqrt(var + eps)` with `a = gradient ⊙ weight`.
fn layer_norm_transposed(layer: &LayerNorm, x: &Tensor, gradient: &[f32]) -> Result<Vec<f32>, NetworkError> {
    let x: Vec<f32> = x.to_vec1()?;
    let count = x.len() as f64;
    let mean = x.iter().map(|&v| f64::from(v)).sum::<f64>() / count;
    let variance = x.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / count;
    let deviation = (variance + super::norm::EPSILON).sqrt();
    let normalized: Vec<f64> = x.iter().map(|&v| (f64::from(v) - mean) / deviation).collect();
    let weighted: Vec<f64> =
        gradient.iter().zip(layer.weight_values()).map(|(&g, &w)| f64::from(g) * f64::from(w)).collect();
    let weighted_mean = weighted.iter().sum::<f64>() / count;
    let along = weighted.iter().zip(&normalized).map(|(a, n)| a * n).sum::<f64>() / count;
    let pairs = weighted.iter().zip(&normalized);
    Ok(pairs.map(|(a, n)| ((a - weighted_mean - n * along) / deviation) as f32).collect())
}

/// CLIP's text tower: token and position embeddings, causal blocks, projection of the end-of-text token.
pub struct TextTransformer {
    token_embedding: Tensor,
    positional_embedding: Tensor,
    transformer: Transformer,
    ln_final: LayerNorm,
    projection: Linear,
    width: usize,
}

impl TextTransformer {
    /// Reads CLIP's text keys (`token_embedding.weight`, `transformer.resblocks.…`, `text_projection`).
    pub fn new(weights: &StateView) -> Result<Self, NetworkError> {
        let token_embedding = weights.weight_of_rank("token_embedding.weight", 2)?;
        let width = token_embedding.dim(1)?;
        let context = weights.weight_of_rank("positional_embedding", 2)?.dim(0)?;
        let projection = weights.weight_of_rank("text_projection", 2)?;
        weights.weight_of_shape("text_projection", &[width, projection.dim(1)?])?;
        Ok(Self {
            token_embedding,
            positional_embedding: weights.weight_of_shape("positional_embedding", &[context, width])?,
            transformer: Transformer::new(weights, width, true)?,
            ln_final: LayerNorm::new(&weights.under("ln_final."), width)?,
            projection: Linear::of_projection(weights, "text_projection")?,
            width,
        })
    }

    /// Tokens that a prompt may have, with its first and last.
    pub fn context_length(&self) -> usize {
        self.positional_embedding.dims()[0]
    }

    pub fn vocabulary(&self) -> usize {
        self.token_embedding.dims()[0]
    }

    pub fn embedding_width(&self) -> usize {
        self.projection.out_features()
    }

    /// One prompt's token ids (start … end of text, with or without the padding) to its embedding (E), not
    /// normalized. What stands after the end of the text cannot change the answer and is not computed.
    pub fn forward(&self, tokens: &[u32]) -> Result<Tensor, NetworkError> {
        let mut end = 0;
        for (position, &token) in tokens.iter().enumerate() {
            if token > tokens[end] {
                end = position;
            }
        }
        let fits = !tokens.is_empty()
            && tokens.len() <= self.context_length()
            && tokens.iter().all(|&token| (token as usize) < self.vocabulary());
        if !fits {
            let expected = format!("1 to {} token ids below {}", self.context_length(), self.vocabulary());
            return Err(NetworkError::input("the text tower", expected, &[tokens.len()]));
        }
        let length = end + 1;
        let device = self.token_embedding.device();
        let ids = Tensor::from_slice(&tokens[..length], length, device)?.to_dtype(DType::U32)?;
        let positions = self.positional_embedding.narrow(0, 0, length)?;
        let x = (self.token_embedding.index_select(&ids, 0)? + positions)?.reshape((1, length, self.width))?;
        let last = self.transformer.forward_token(&x, end)?;
        Ok(self.projection.forward(&self.ln_final.apply(&last)?)?.squeeze(0)?)
    }
}
