/*
 * rdata - presentation form of record data (RFC 1035, section 3.3 and 5.1, and the RFC of each type).
 */
#pragma once

#include "dns.h"

/*
 * The name of the RFC 8427 member that carries a record's data as text ("rdataA", "rdataMX", ...), NULL for types that
 * are shown as RDATAHEX only.
 */
const char *rdata_member(uint16_t type);

/*
 * Appends the data of `record` in presentation form; names in it may be compressed. Returns DNS_OK, or why the data
 * could not be read; `out` is then as before. Call only where rdata_member() is not NULL.
 */
enum dns_error rdata_text(struct slice message, const struct dns_record *record, struct buf *out);
