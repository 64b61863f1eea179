/*
 * value - numbers with units as a person writes them: 10s, 500ms, 64MiB, 0660.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum value_unit { VALUE_UNIT_ONE, VALUE_UNIT_NS, VALUE_UNIT_BYTES, VALUE_UNIT_OCTAL };

/* False for anything but a whole number and a unit of that kind; a duration needs its unit. */
bool value_parse(const char *text, enum value_unit unit, uint64_t *out);

/* "expected a duration from 1s to 10m". */
void value_range_text(enum value_unit unit, uint64_t min, uint64_t max, char *out, size_t size);
