/*
 * dns_json - a DNS message as a JSON object in the form of RFC 8427: header fields as numbers, the question as QNAME,
 * QTYPE, QTYPEname, QCLASS, records in answerRRs, authorityRRs and additionalRRs.
 */
#pragma once

#include "dns.h"
#include "json.h"

/*
 * Writes one value. Bytes that do not parse become {"messageOctetsHEX": "...", "Error": "..."}: nothing that came is
 * dropped. A message without bytes becomes null.
 */
void dns_json(struct json *j, struct slice message);
