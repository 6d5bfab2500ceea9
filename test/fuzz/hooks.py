"""What schemathesis must know to send; loaded by scripts/fuzz.mjs."""

import schemathesis

schemathesis.serializer.alias("application/x-ndjson", "text/plain")
