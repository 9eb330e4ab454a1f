//! Keys and shapes of a network under construction, layer by layer.

use super::Shapes;

/// Keys and shapes under construction.
pub(super) struct Plan<'a> {
    pub found: &'a Shapes,
    pub shapes: Shapes,
    /// Prefixes of keys that published files carry and nothing uses.
    pub unused: Vec<String>,
}

impl Plan<'_> {
    pub fn add(&mut self, key: impl Into<String>, shape: &[usize]) {
        self.shapes.insert(key.into(), shape.to_vec());
    }

    pub fn unused(&mut self, prefix: &str) {
        self.unused.push(prefix.to_owned());
    }

    /// A dimension of the file's tensor, or the published one where the file has no such tensor.
    pub fn dimension(&self, key: &str, axis: usize, published: usize) -> usize {
        self.found.get(key).and_then(|shape| shape.get(axis)).copied().unwrap_or(published)
    }

    /// A convolution or a linear layer with its bias.
    pub fn layer(&mut self, name: &str, shape: &[usize]) {
        self.add(format!("{name}.weight"), shape);
        self.add(format!("{name}.bias"), &shape[..1]);
    }

    pub fn batch_norm(&mut self, name: &str, channels: usize) {
        for part in ["weight", "bias", "running_mean", "running_var"] {
            self.add(format!("{name}.{part}"), &[channels]);
        }
    }

    /// Channels that a ResNet-18 ends with.
    pub fn resnet18_channels(&self, prefix: &str) -> usize {
        self.dimension(&format!("{prefix}layer4.0.conv1.weight"), 0, 512)
    }

    /// torchvision's ResNet-18 without its classifier.
    pub fn resnet18(&mut self, prefix: &str, stems: &[(&str, usize)]) {
        self.unused(&format!("{prefix}fc."));
        let mut channels = self.dimension(&format!("{prefix}bn1.weight"), 0, 64);
        for (stem, input) in stems {
            self.add(format!("{prefix}{stem}.weight"), &[channels, *input, 7, 7]);
        }
        self.batch_norm(&format!("{prefix}bn1"), channels);
        for (stage, published) in [(1, 64), (2, 128), (3, 256), (4, 512)] {
            let width = self.dimension(&format!("{prefix}layer{stage}.0.conv1.weight"), 0, published);
            for block in 0..2 {
                let name = format!("{prefix}layer{stage}.{block}");
                let input = if block == 0 { channels } else { width };
                self.add(format!("{name}.conv1.weight"), &[width, input, 3, 3]);
                self.batch_norm(&format!("{name}.bn1"), width);
                self.add(format!("{name}.conv2.weight"), &[width, width, 3, 3]);
                self.batch_norm(&format!("{name}.bn2"), width);
                if block == 0 && stage > 1 {
                    self.add(format!("{name}.downsample.0.weight"), &[width, channels, 1, 1]);
                    self.batch_norm(&format!("{name}.downsample.1"), width);
                }
            }
            channels = width;
        }
    }

    /// Plain convolutions with bias, named by their place in a Sequential.
    pub fn convolutions(&mut self, prefix: &str, convolutions: &[(usize, usize, usize)]) {
        let mut channels = None;
        for &(index, input, output) in convolutions {
            let name = format!("{prefix}{index}");
            let output = self.dimension(&format!("{name}.weight"), 0, output);
            self.layer(&name, &[output, channels.unwrap_or(input), 3, 3]);
            channels = Some(output);
        }
    }

    /// One side of objects-that-sound: four blocks of two convolutions, each with batch norm.
    pub fn avol_side(&mut self, prefix: &str, input: usize) {
        let mut channels = input;
        for (block, published) in [(1, 64), (2, 128), (3, 256), (4, 512)] {
            for convolution in 1..=2 {
                let name = format!("{prefix}conv{block}_{convolution}");
                let width = self.dimension(&format!("{name}.weight"), 0, published);
                self.layer(&name, &[width, channels, 3, 3]);
                self.batch_norm(&format!("{prefix}bn{block}_{convolution}"), width);
                channels = width;
            }
        }
    }

    /// CLIP's pre-norm transformer, as deep as the file says.
    pub fn transformer(&mut self, prefix: &str, width: usize, published_depth: usize) {
        let block = |index: usize| format!("{prefix}resblocks.{index}.");
        let depth = (0..).take_while(|&index| self.has_below(&block(index))).count();
        for index in 0..if depth > 0 { depth } else { published_depth } {
            let name = block(index);
            self.add(format!("{name}attn.in_proj_weight"), &[3 * width, width]);
            self.add(format!("{name}attn.in_proj_bias"), &[3 * width]);
            self.layer(&format!("{name}attn.out_proj"), &[width, width]);
            self.layer(&format!("{name}mlp.c_fc"), &[4 * width, width]);
            self.layer(&format!("{name}mlp.c_proj"), &[width, 4 * width]);
            self.layer(&format!("{name}ln_1"), &[width]);
            self.layer(&format!("{name}ln_2"), &[width]);
        }
    }

    pub fn has_below(&self, prefix: &str) -> bool {
        self.found.range(prefix.to_owned()..).next().is_some_and(|(key, _)| key.starts_with(prefix))
    }
}
