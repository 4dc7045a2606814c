//! The levels of attributes: what each says, how they merge, and what may be written to them.
//!
//! Source: chef-solo 18, measured. Low to high: `default`, the environment's, the roles', `force_default`; `normal`;
//! `override`, the roles', the environment's, `force_override`; automatic. The first four and the four overrides are
//! groups: within one, objects merge and lists are united; between groups objects merge and lists are replaced.
use std::sync::Arc;

use serde_json::{Map, Value};

use super::merge;
use crate::values::Place;

/// A level that attribute files and recipes write to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// What holds unless somebody says otherwise.
    Default,
    /// Above the defaults of roles and environments.
    ForceDefault,
    /// What dna.json says is written here first.
    Normal,
    /// Above dna.json.
    Override,
    /// Above the overrides of roles and environments.
    ForceOverride,
}

/// What is done to an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteOp {
    /// Sets it at the level; objects on the way are made.
    Set,
    /// Sets it as `write` does, unless the level has a value for it; null is none.
    Unless,
    /// Appends to the list at the level.
    Push,
    /// Chef's `default!` and `force_default!`: sets it and puts objects in place of what is in the way; the forced ones
    /// first remove it from their whole group.
    Replace,
    /// Chef's `node.write`: sets it and puts objects in place of what is in the way.
    Write,
    /// Chef's `rm`: removes it from all levels but automatic.
    Remove,
    /// Chef's `rm_default`, `rm_normal`, `rm_override`: removes it from the level's group.
    RemoveLevel,
    /// Removes a key from the object at the level; objects on the way are made, as Chef makes them.
    DeleteKey,
}

/// One thing done to attributes.
#[derive(Clone, Debug, PartialEq)]
pub struct AttributeWrite {
    /// Where.
    pub level: Level,
    /// Keys from the root.
    pub path: Vec<String>,
    /// What.
    pub op: WriteOp,
    /// To what; unused by what removes.
    pub value: Value,
    /// By which line.
    pub place: Place,
}

/// Every layer there is, low to high.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// `default`.
    Default,
    /// The environment's `default_attributes`.
    EnvironmentDefault,
    /// The roles' `default_attributes`.
    RoleDefault,
    /// `force_default`.
    ForceDefault,
    /// dna.json, and `normal`.
    Normal,
    /// `override`.
    Override,
    /// The roles' `override_attributes`.
    RoleOverride,
    /// The environment's `override_attributes`.
    EnvironmentOverride,
    /// `force_override`.
    ForceOverride,
    /// What is known of the machine.
    Automatic,
}

/// All layers, low to high.
pub const LAYERS: [Layer; 10] = [
    Layer::Default,
    Layer::EnvironmentDefault,
    Layer::RoleDefault,
    Layer::ForceDefault,
    Layer::Normal,
    Layer::Override,
    Layer::RoleOverride,
    Layer::EnvironmentOverride,
    Layer::ForceOverride,
    Layer::Automatic,
];

impl Layer {
    /// Its name, as Chef calls it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::EnvironmentDefault => "environment default",
            Self::RoleDefault => "role default",
            Self::ForceDefault => "force_default",
            Self::Normal => "normal",
            Self::Override => "override",
            Self::RoleOverride => "role override",
            Self::EnvironmentOverride => "environment override",
            Self::ForceOverride => "force_override",
            Self::Automatic => "automatic",
        }
    }

    /// Layers of one group unite their lists.
    pub(super) const fn group(self) -> u8 {
        match self {
            Self::Default | Self::EnvironmentDefault | Self::RoleDefault | Self::ForceDefault => 0,
            Self::Normal => 1,
            Self::Override | Self::RoleOverride | Self::EnvironmentOverride | Self::ForceOverride => 2,
            Self::Automatic => 3,
        }
    }

    const fn index(self) -> usize {
        self as usize
    }
}

impl From<Level> for Layer {
    fn from(level: Level) -> Self {
        match level {
            Level::Default => Self::Default,
            Level::ForceDefault => Self::ForceDefault,
            Level::Normal => Self::Normal,
            Level::Override => Self::Override,
            Level::ForceOverride => Self::ForceOverride,
        }
    }
}

/// What a write did.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Effect {
    /// Whether its level holds something else now, what it removed aside.
    pub written: bool,
    /// The layers it removed something from.
    pub removed: Vec<Layer>,
}

/// The layers' trees: each an object. A copy shares them until one of both is written to.
#[derive(Clone, Debug)]
pub(super) struct Tower {
    layers: [Arc<Value>; LAYERS.len()],
}

impl Default for Tower {
    fn default() -> Self {
        let empty = Arc::new(Value::Object(Map::new()));
        Self { layers: std::array::from_fn(|_| Arc::clone(&empty)) }
    }
}

impl Tower {
    /// A layer's tree.
    pub fn layer(&self, layer: Layer) -> &Value {
        &self.layers[layer.index()]
    }

    /// Gives a layer another tree.
    pub fn set(&mut self, layer: Layer, tree: Value) {
        self.layers[layer.index()] = Arc::new(tree);
    }

    /// Merges a further tree into a layer as roles do: lists are united.
    pub fn unite(&mut self, layer: Layer, tree: &Value) {
        let slot = &mut self.layers[layer.index()];
        let below = Arc::unwrap_or_clone(std::mem::take(slot));
        *slot = Arc::new(merge::united(below, tree));
    }

    /// The merged value at a path; `None` when no layer has one. `base` is what the lowest layer says where it says
    /// nothing itself.
    pub fn merged(&self, path: &[String], base: Option<&Value>) -> Option<Value> {
        let mut slices: Vec<(u8, &Value)> = LAYERS.iter().map(|layer| (layer.group(), self.layer(*layer))).collect();
        for key in path {
            // Whatever is no object hides all that is below it.
            if let Some(cut) = slices.iter().rposition(|(_, value)| !value.is_object()) {
                slices.drain(..=cut);
            }
            slices = slices.into_iter().filter_map(|(group, value)| Some((group, value.get(key)?))).collect();
        }
        let mut groups: Vec<(u8, Value)> = Vec::new();
        let based = base.map(|base| {
            let own = merge::at(self.layer(Layer::Default), path);
            match own {
                Some(own) => {
                    slices.retain(|(_, value)| !std::ptr::eq(*value, own));
                    merge::replaced(base.clone(), own)
                }
                None => base.clone(),
            }
        });
        // A base is hidden where the lowest layer's value would be.
        if let Some(based) = based {
            groups.push((0, based));
        }
        for (group, value) in slices {
            match groups.last_mut() {
                Some((last, merged)) if *last == group => *merged = merge::united(std::mem::take(merged), value),
                Some(_) | None => groups.push((group, value.clone())),
            }
        }
        groups.into_iter().map(|(_, value)| value).reduce(|below, above| merge::replaced(below, &above))
    }

    /// The layer that decides a path, as far as one does: the highest that has a value there, unless one above it says
    /// that there can be none.
    pub fn deciding(&self, path: &[String]) -> Option<Layer> {
        let mut layers = LAYERS.into_iter().rev().map(|layer| (layer, self.layer(layer)));
        let speaks = |tree: &Value| merge::at(tree, path).is_some() || merge::seen(tree, path).hides();
        let (layer, tree) = layers.find(|(_, tree)| speaks(tree))?;
        merge::at(tree, path).map(|_| layer)
    }

    /// Carries out a write. The sentence says what is in its way.
    pub fn write(&mut self, write: &AttributeWrite) -> Result<Effect, String> {
        let AttributeWrite { level, path, op, value, .. } = write;
        let Some((key, parents)) = path.split_last() else { return Err("it names no attribute".to_owned()) };
        let layer = Layer::from(*level);
        let tree = Arc::make_mut(&mut self.layers[layer.index()]);
        let mut effect = Effect { written: true, removed: Vec::new() };
        match op {
            WriteOp::Set => {
                *merge::reach(tree, path)? = value.clone();
            }
            WriteOp::Unless => {
                effect.written = merge::at(tree, path).is_none_or(Value::is_null);
                if effect.written {
                    *merge::force(tree, path) = value.clone();
                }
            }
            WriteOp::Push => {
                // What is not there must stay so: the null that is made on the way would be blamed by what follows.
                if !merge::at(tree, path).is_some_and(Value::is_array) {
                    merge::reach(&mut tree.clone(), path)?;
                    return Err(format!("`{}` is no list at level {}", path.join("."), layer.name()));
                }
                if let Value::Array(list) = merge::reach(tree, path)? {
                    list.push(value.clone());
                }
            }
            WriteOp::Replace => {
                if matches!(level, Level::ForceDefault | Level::ForceOverride) {
                    effect.removed = self.remove(&[layer.group()], path);
                }
                *merge::force(Arc::make_mut(&mut self.layers[layer.index()]), path) = value.clone();
            }
            WriteOp::Write => *merge::force(tree, path) = value.clone(),
            WriteOp::Remove => effect = Effect { written: false, removed: self.remove(&[0, 1, 2], path) },
            WriteOp::RemoveLevel => effect = Effect { written: false, removed: self.remove(&[layer.group()], path) },
            WriteOp::DeleteKey => {
                effect.written = merge::at(tree, parents).is_none();
                if merge::enter(tree, parents)?.shift_remove(key).is_some() {
                    effect.removed.push(layer);
                }
            }
        }
        Ok(effect)
    }

    /// Removes it from the layers of groups, and says from which it was.
    fn remove(&mut self, groups: &[u8], path: &[String]) -> Vec<Layer> {
        let mut layers: Vec<Layer> = LAYERS.into_iter().filter(|layer| groups.contains(&layer.group())).collect();
        layers.retain(|layer| merge::take_out(Arc::make_mut(&mut self.layers[layer.index()]), path));
        layers
    }
}
