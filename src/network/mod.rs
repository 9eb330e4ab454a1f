//! Layers, backbones and the weights they are made of.
//!
//! candle tensors are the face; on the processor our own kernels do the work. Reading a checkpoint never executes
//! anything from it. Not in here: what a system does with its backbones (`localizers`).

pub mod arrays;
pub mod checkpoint;
mod clip;
mod conv;
mod conv_stack;
mod error;
mod features;
pub mod gradients;
mod kernels;
mod linear;
mod norm;
mod plain_file;
mod pool;
mod resnet;
mod state_dict;
mod threads;
mod transformer;

pub use clip::{Relevance, TextTransformer, VisionTrace, VisionTransformer};
pub use conv::{Conv2d, Conv2dConfig};
pub use conv_stack::{ConvStack, StackLayer, avol_features, vgg16_features, vggish_features};
pub use error::NetworkError;
pub use kernels::level::Level;
pub use linear::{Activation, Linear};
pub use norm::BatchNorm;
pub use plain_file::open_plain;
pub use pool::{avg_pool2d, global_avg_pool, global_max_pool, max_pool2d};
pub use resnet::{ResNet18, ResNet18Config};
pub use state_dict::{Misshapen, StateDict, StateView, WeightError};
pub use threads::{thread_count, with_threads};
