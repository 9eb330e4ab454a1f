//! Textures of what is shown, kept as long as they are of use and memory allows.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use eframe::wgpu;

/// What was made of things that live behind an `Arc`, on the graphics card or beside it, found by that `Arc`'s identity.
///
/// A `Weak` beside each value keeps the address from being given to another thing, so that an address is a key. The
/// least recently used values go when the budget is exceeded; whoever draws with one holds its own handle.
pub(super) struct SourceCache<Source, Value> {
    entries: HashMap<usize, Entry<Source, Value>>,
    budget_bytes: u64,
    used_bytes: u64,
    clock: u64,
}

struct Entry<Source, Value> {
    _source: Weak<Source>,
    value: Arc<Value>,
    bytes: u64,
    last_use: u64,
}

impl<Source, Value> SourceCache<Source, Value> {
    pub(super) fn new(budget_bytes: u64) -> Self {
        Self { entries: HashMap::new(), budget_bytes, used_bytes: 0, clock: 0 }
    }

    /// The value for `source`. If it is not there, `make` makes it; where possible from a value of `bytes` that is no longer
    /// used by anyone and that `fits`.
    pub(super) fn get_or_insert(
        &mut self,
        source: &Arc<Source>,
        bytes: u64,
        fits: impl Fn(&Value) -> bool,
        make: impl FnOnce(Option<Value>) -> Value,
    ) -> Arc<Value> {
        self.clock += 1;
        let key = Arc::as_ptr(source).cast::<()>() as usize;
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.last_use = self.clock;
            return entry.value.clone();
        }
        let mut recycled = None;
        while self.used_bytes + bytes > self.budget_bytes {
            let Some(oldest) = self.entries.iter().min_by_key(|(_, entry)| entry.last_use).map(|(&key, _)| key) else {
                break;
            };
            if let Some(entry) = self.entries.remove(&oldest) {
                self.used_bytes -= entry.bytes;
                recycled = Arc::into_inner(entry.value).filter(|value| fits(value)).or(recycled);
            }
        }
        let value = Arc::new(make(recycled));
        let entry = Entry { _source: Arc::downgrade(source), value: value.clone(), bytes, last_use: self.clock };
        self.entries.insert(key, entry);
        self.used_bytes += bytes;
        value
    }

    pub(super) fn used_bytes(&self) -> u64 {
        self.used_bytes
    }
}

/// What draws hold for one frame, used again once the frame that it belonged to is gone.
pub(super) struct Pool<Value>(Vec<Arc<Value>>);

impl<Value> Pool<Value> {
    pub(super) fn new() -> Self {
        Self(Vec::new())
    }

    /// One that nobody uses and that `fits`, else a new one; then all others that nobody uses go.
    pub(super) fn take(&mut self, fits: impl Fn(&Value) -> bool, make: impl FnOnce() -> Value) -> Arc<Value> {
        let in_use = |held: &Arc<Value>| Arc::strong_count(held) > 1;
        if let Some(free) = self.0.iter().find(|held| !in_use(held) && fits(held)) {
            return free.clone();
        }
        let made = Arc::new(make());
        self.0.retain(in_use);
        self.0.push(made.clone());
        made
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Value> {
        self.0.iter().map(Arc::as_ref)
    }
}

/// A texture for sampling in a fragment shader.
pub(super) fn create_texture(
    device: &wgpu::Device,
    label: &str,
    size: [u32; 2],
    format: wgpu::TextureFormat,
) -> wgpu::Texture {
    create_texture_for(
        device,
        label,
        size,
        format,
        wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_DST,
    )
}

/// A texture for other uses.
pub(super) fn create_texture_for(
    device: &wgpu::Device,
    label: &str,
    [width, height]: [u32; 2],
    format: wgpu::TextureFormat,
    usage: wgpu::TextureUsages,
) -> wgpu::Texture {
    device.create_texture(&wgpu::TextureDescriptor {
        label: Some(label),
        size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format,
        usage,
        view_formats: &[],
    })
}

/// Fills a texture from rows that follow each other without padding. Does nothing if there are too few bytes.
pub(super) fn write_texture(queue: &wgpu::Queue, texture: &wgpu::Texture, texel_bytes: u32, bytes: &[u8]) {
    let (width, height) = (texture.width(), texture.height());
    if (bytes.len() as u64) < u64::from(width) * u64::from(height) * u64::from(texel_bytes) {
        log::warn!("a picture plane is shorter than its size says: {} bytes for {width}×{height}", bytes.len());
        return;
    }
    queue.write_texture(
        texture.as_image_copy(),
        bytes,
        wgpu::TexelCopyBufferLayout {
            offset: 0,
            bytes_per_row: Some(width * texel_bytes),
            rows_per_image: Some(height),
        },
        wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_goes_and_is_made_anew() {
        let mut cache = SourceCache::<u8, u8>::new(2);
        let sources: Vec<Arc<u8>> = (0..3).map(Arc::new).collect();
        let mut made = Vec::new();
        for index in [0, 1, 0, 2, 0, 1] {
            cache.get_or_insert(
                &sources[index],
                1,
                |_| true,
                |_| {
                    made.push(index);
                    0
                },
            );
        }
        assert_eq!(made, [0, 1, 2, 1]);
        assert_eq!(cache.used_bytes(), 2);
    }
}
