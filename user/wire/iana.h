/*
 * iana - mnemonics of the IANA registry "Domain Name System (DNS) Parameters" (RFC 6895): types, classes, opcodes and
 * response codes. An unassigned value has none.
 */
#pragma once

#include "base/buf.h"

/* NULL where the value is unassigned. The strings are constants. */
const char *iana_type_name(uint16_t type);
const char *iana_class_name(uint16_t class);
const char *iana_rcode_name(uint16_t rcode);

/* Always writes something: the mnemonic, else TYPE65280, CLASS4096 (RFC 3597), RCODE23. */
void iana_type_text(uint16_t type, struct buf *out);
void iana_class_text(uint16_t class, struct buf *out);
void iana_rcode_text(uint16_t rcode, struct buf *out);

/* Mnemonic (any case) or TYPE123 / RCODE23 or a plain number, to value; false when it is neither. */
bool iana_type_parse(struct slice text, uint16_t *out);
bool iana_rcode_parse(struct slice text, uint16_t *out);
