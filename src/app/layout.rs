//! Where the panels are: egui_tiles, remembered between starts.

use egui_tiles::{Container, Linear, LinearDir, Tile, TileId, Tiles, Tree};
use serde::{Deserialize, Serialize};

/// The panels that can be moved about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Panel {
    Clips,
    Stage,
    Timeline,
    Inspector,
}

impl Panel {
    pub const ALL: [Self; 4] = [Self::Clips, Self::Stage, Self::Timeline, Self::Inspector];

    pub fn title(self) -> &'static str {
        match self {
            Self::Clips => "Clips",
            Self::Stage => "Stage",
            Self::Timeline => "Timeline",
            Self::Inspector => "Inspector",
        }
    }
}

/// Clips left, stage in the middle with the timeline under both, inspector right.
pub fn default_tree() -> Tree<Panel> {
    let mut tiles = Tiles::default();
    let clips = tiles.insert_pane(Panel::Clips);
    let stage = tiles.insert_pane(Panel::Stage);
    let timeline = tiles.insert_pane(Panel::Timeline);
    let inspector = tiles.insert_pane(Panel::Inspector);
    let upper = row(&mut tiles, &[(clips, 0.2), (stage, 0.8)]);
    let left = column(&mut tiles, &[(upper, 0.66), (timeline, 0.34)]);
    let root = row(&mut tiles, &[(left, 0.77), (inspector, 0.23)]);
    Tree::new(egui::Id::unique("panels"), root, tiles)
}

fn row(tiles: &mut Tiles<Panel>, children: &[(TileId, f32)]) -> TileId {
    linear(tiles, LinearDir::Horizontal, children)
}

fn column(tiles: &mut Tiles<Panel>, children: &[(TileId, f32)]) -> TileId {
    linear(tiles, LinearDir::Vertical, children)
}

fn linear(tiles: &mut Tiles<Panel>, direction: LinearDir, children: &[(TileId, f32)]) -> TileId {
    let mut linear = Linear::new(direction, children.iter().map(|(child, _)| *child).collect());
    for (child, share) in children {
        linear.shares.set_share(*child, *share);
    }
    tiles.insert_new(Tile::Container(Container::Linear(linear)))
}

/// The remembered layout, if it still holds each panel exactly once; otherwise the default.
pub fn restore(saved: Option<&str>) -> Tree<Panel> {
    let tree: Option<Tree<Panel>> = saved.and_then(|text| serde_json::from_str(text).ok());
    tree.filter(is_whole).unwrap_or_else(default_tree)
}

pub fn save(tree: &Tree<Panel>) -> Option<String> {
    serde_json::to_string(tree).ok()
}

fn is_whole(tree: &Tree<Panel>) -> bool {
    let mut panels: Vec<Panel> = tree
        .tiles
        .iter()
        .filter_map(|(_, tile)| match tile {
            Tile::Pane(panel) => Some(*panel),
            Tile::Container(_) => None,
        })
        .collect();
    panels.sort_by_key(|panel| *panel as u8);
    panels == Panel::ALL && tree.root().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layout_survives_and_a_damaged_one_is_replaced() {
        let tree = default_tree();
        let saved = save(&tree).unwrap();
        assert_eq!(restore(Some(&saved)), tree);
        assert!(is_whole(&restore(Some("{}"))));
        assert!(is_whole(&restore(Some(&saved.replace("inspector", "clips")))));
        assert!(is_whole(&restore(None)));
    }
}
