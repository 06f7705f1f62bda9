//! Flattens the schemas of the OpenAPI document: a struct that is flattened into another is not part of the contract,
//! and generators of clients handle one flat object best.

use std::collections::BTreeMap;

use utoipa::openapi::{
    Ref, RefOr,
    schema::{AllOf, Object, Schema},
};

/// Replaces each `allOf` of objects by one object with the properties of all. Other parts stay unchanged.
pub(super) fn flatten(schemas: &mut BTreeMap<String, RefOr<Schema>>) {
    let names: Vec<String> = schemas.keys().cloned().collect();
    for name in names {
        let Some(RefOr::T(Schema::AllOf(parts))) = schemas.get(&name) else { continue };
        if let Some(object) = merged(parts, schemas) {
            schemas.insert(name, RefOr::T(Schema::Object(object)));
        }
    }
}

fn merged(parts: &AllOf, schemas: &BTreeMap<String, RefOr<Schema>>) -> Option<Object> {
    let mut whole: Option<Object> = None;
    for part in &parts.items {
        let object = object_of(part, schemas)?;
        match &mut whole {
            None => whole = Some(object),
            Some(whole) => {
                whole.properties.extend(object.properties);
                whole.required.extend(object.required);
            }
        }
    }
    let mut whole = whole?;
    whole.description.clone_from(&parts.description);
    Some(whole)
}

fn object_of(part: &RefOr<Schema>, schemas: &BTreeMap<String, RefOr<Schema>>) -> Option<Object> {
    match part {
        RefOr::T(Schema::Object(object)) => Some(object.clone()),
        RefOr::T(Schema::AllOf(parts)) => merged(parts, schemas),
        RefOr::Ref(Ref { ref_location, .. }) => object_of(schemas.get(ref_location.rsplit('/').next()?)?, schemas),
        RefOr::T(_) => None,
    }
}
