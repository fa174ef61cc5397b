//! States to messages: one framed Avro record a row, keyed by the aircraft's address.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Schema;
use arrow_avro::schema::{FingerprintStrategy, SCHEMA_METADATA_KEY};
use arrow_avro::writer::WriterBuilder;
use arrow_avro::writer::format::AvroSoeFormat;
use bytes::Bytes;
use contrail_types::state;

use super::{CodecError, SCHEMA};
use crate::{Messages, Registry};

/// Writes states as messages under the id that the registry gave their schema.
pub struct Encoder {
    id: u32,
    avro: arrow_avro::writer::Encoder,
    key: usize,
}

impl Encoder {
    /// Registers [`SCHEMA`] under `subject`, if it gets along with what is there, and prepares to write with its id.
    pub async fn new(registry: &dyn Registry, subject: &str) -> Result<Self, CodecError> {
        super::agree(registry, subject).await?;
        let id = registry.register(subject, SCHEMA).await?;
        let schema = state::schema();
        let metadata = [(SCHEMA_METADATA_KEY.to_owned(), SCHEMA.to_owned())].into();
        let key = schema.index_of("icao24")?;
        let avro = WriterBuilder::new(Schema::new_with_metadata(schema.fields().clone(), metadata))
            .with_fingerprint_strategy(FingerprintStrategy::Id(id))
            .with_row_capacity(192)
            .build_encoder::<AvroSoeFormat>()?;
        Ok(Self { id, avro, key })
    }

    /// The id that stands in every message.
    pub fn schema_id(&self) -> u32 {
        self.id
    }

    /// One message a row, in the rows' order. `states` has the columns of [`state::schema`], whatever its metadata.
    pub fn encode(&mut self, states: &RecordBatch) -> Result<Messages, CodecError> {
        let schema = state::schema();
        for (i, field) in schema.fields().iter().enumerate() {
            let found = states.schema_ref().fields().get(i);
            if found.is_none_or(|f| f.name() != field.name() || !f.data_type().equals_datatype(field.data_type())) {
                return Err(CodecError::Column {
                    column: field.name().clone(),
                    found: found.map_or("missing".into(), |f| format!("{} {}", f.name(), f.data_type())),
                    expected: field.data_type().to_string(),
                });
            }
        }
        let columns = schema.fields().iter().zip(states.columns());
        let columns = columns.map(|(f, c)| super::resolve::relabel(c, f.data_type())).collect::<Result<Vec<_>, _>>()?;
        let batch = RecordBatch::try_new(schema, columns)?;
        let encoded = self.avro.encode(&batch);
        let rows = self.avro.flush();
        encoded?;
        let keys = batch.column(self.key).as_string::<i32>();
        let ends = rows.offsets()[1..].iter().map(|end| *end as u32).collect();
        let key_ends = keys.offsets()[1..].iter().map(|end| (end - keys.offsets()[0]) as u32).collect();
        let key_bytes = &keys.value_data()[keys.offsets()[0] as usize..keys.offsets()[keys.len()] as usize];
        Ok(Messages::from_buffers(Bytes::copy_from_slice(key_bytes), key_ends, rows.bytes().clone(), ends))
    }
}
