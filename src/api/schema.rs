//! How types of other layers are described: their JSON forms.

use std::borrow::Cow;

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

use super::instant::Instant;
use crate::qos::ids::{Framework, JobId};
use crate::qos::performance::Performance;

/// A text of one of these.
fn one_of(names: &[&str]) -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names.iter().copied())).into()
}

/// A text of this format.
fn text(format: &str) -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::Custom(format.to_owned()))).into()
}

/// A number, or a text that holds one, as older clients send them.
pub fn number_or_text() -> RefOr<Schema> {
    OneOfBuilder::new()
        .item(ObjectBuilder::new().schema_type(Type::Number))
        .item(ObjectBuilder::new().schema_type(Type::String).pattern(Some(r"^\s*[+-]?[0-9]+(\.[0-9]+)?\s*$")))
        .into()
}

/// The same, where null is as good as nothing.
pub fn optional_number_or_text() -> RefOr<Schema> {
    OneOfBuilder::new()
        .item(ObjectBuilder::new().schema_type(Type::Number))
        .item(ObjectBuilder::new().schema_type(Type::String).pattern(Some(r"^\s*[+-]?[0-9]+(\.[0-9]+)?\s*$")))
        .item(ObjectBuilder::new().schema_type(Type::Null))
        .into()
}

/// A whole number that fits 32 bits, or a text that holds one, or null.
pub fn optional_whole_or_text() -> RefOr<Schema> {
    OneOfBuilder::new()
        .item(ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).maximum(Some(u32::MAX)))
        .item(ObjectBuilder::new().schema_type(Type::String).pattern(Some(r"^[0-9]{1,9}$")))
        .item(ObjectBuilder::new().schema_type(Type::Null))
        .into()
}

macro_rules! described {
    ($($type:ty, $name:literal: $schema:expr;)+) => {
        $(impl PartialSchema for $type {
            fn schema() -> RefOr<Schema> {
                $schema
            }
        }

        impl ToSchema for $type {
            fn name() -> Cow<'static, str> {
                $name.into()
            }
        })+
    };
}

described! {
    JobId, "JobId": text("uuid");
    Instant, "Instant": text("date-time");
    Framework, "Framework": one_of(&[Framework::Chronos.as_str(), Framework::Marathon.as_str()]);
    Performance, "Performance": one_of(&[
        Performance::UnderPerformant.as_str(), Performance::OnPlan.as_str(), Performance::OverPerformant.as_str()
    ]);
}
