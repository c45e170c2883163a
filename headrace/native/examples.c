/* Serialized tf.Examples: where the values of chosen features are, and what they are.
 *
 * Only the one form that every writer in use gives is read here: known fields, each once, in their order, numbers packed.
 * Another form, which protocol buffers allow, is reported like damage; the caller then reads the batch with protobuf, which
 * takes it or names the fault. So both ways give the same answers. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const uint8_t *at, *end;
} Span;

/* Tags: a field's number and "length follows". */
enum { FIELD_1 = 0x0A, FIELD_2 = 0x12, FIELD_3 = 0x1A };
enum { MISSING = -1, ANOTHER_KIND = -2 };

/* Moves past a varint. Returns 0 when it is cut or has more than 64 bits. */
static int varint(Span *span, uint64_t *value) {
    uint64_t result = 0;
    for (int shift = 0; shift < 64 && span->at < span->end; shift += 7) {
        uint8_t byte = *span->at++;
        if (shift == 63 && byte > 1) return 0;
        result |= (uint64_t)(byte & 127) << shift;
        if (byte < 128) {
            *value = result;
            return 1;
        }
    }
    return 0;
}

/* Moves past a field with this tag, whose content becomes `inner`. Returns 0 when what follows is anything else. */
static int field(Span *span, uint8_t tag, Span *inner) {
    uint64_t size;
    if (span->at >= span->end || *span->at != tag) return 0;
    span->at++;
    if (!varint(span, &size) || size > (uint64_t)(span->end - span->at)) return 0;
    inner->at = span->at;
    inner->end = span->at += size;
    return 1;
}

/* What all examples so far have in common; NOTHING before the first one. */
enum { NOTHING = -1, DIFFERENT = -2 };

static int64_t in_common(int64_t before, int64_t now) { return before == NOTHING || before == now ? now : DIFFERENT; }

/* The number of values in the list of a feature, or -1 when it is not sound; `list` becomes the values alone, `width` the size that
 * it has in common with all strings. */
static int64_t count_values(Span *list, uint8_t kind, int64_t *width) {
    int64_t count = 0;
    if (list->at == list->end) return 0;
    if (kind == FIELD_1) {
        Span value, rest = *list;
        for (; rest.at < rest.end; count++) {
            if (!field(&rest, FIELD_1, &value)) return -1;
            *width = in_common(*width, value.end - value.at);
        }
        return count;
    }
    Span packed;
    if (!field(list, FIELD_1, &packed) || list->at != list->end) return -1;
    *list = packed;
    if (kind == FIELD_2) return (packed.end - packed.at) % 4 ? -1 : (packed.end - packed.at) / 4;
    for (uint64_t value; packed.at < packed.end; count++)
        if (!varint(&packed, &value)) return -1;
    return count;
}

/* The wanted features in a hash table; slots hold positions, -1 where empty. */
typedef struct {
    const uint8_t *keys;
    const int64_t *ends;
    const uint8_t *kinds;
    int64_t mask;
    int64_t *slots;
} Wanted;

static uint64_t hash(const uint8_t *key, int64_t size) {
    uint64_t value = 0xCBF29CE484222325u; /* FNV-1a */
    for (int64_t i = 0; i < size; i++) value = (value ^ key[i]) * 0x100000001B3u;
    return value ^ value >> 32;
}

/* The position of a key, or -1; with `insert`, puts that position into the table. */
static int64_t look_up(const Wanted *wanted, const uint8_t *key, int64_t size, int64_t insert) {
    for (uint64_t slot = hash(key, size);; slot++) {
        int64_t *place = &wanted->slots[slot & (uint64_t)wanted->mask];
        if (*place < 0) {
            if (insert >= 0) *place = insert;
            return -1;
        }
        int64_t start = *place ? wanted->ends[*place - 1] : 0;
        if (wanted->ends[*place] - start == size && !memcmp(wanted->keys + start, key, (size_t)size)) return *place;
    }
}

static int make_table(Wanted *wanted, int64_t features) {
    int64_t slots = 8;
    while (slots < 2 * features) slots *= 2;
    wanted->mask = slots - 1;
    wanted->slots = malloc((size_t)slots * sizeof(int64_t));
    if (!wanted->slots) return 0;
    for (int64_t i = 0; i < slots; i++) wanted->slots[i] = -1;
    for (int64_t i = 0; i < features; i++) {
        int64_t start = i ? wanted->ends[i - 1] : 0;
        look_up(wanted, wanted->keys + start, wanted->ends[i] - start, i);
    }
    return 1;
}

static int is_ascii(const Span *text) {
    for (const uint8_t *at = text->at; at < text->end; at++)
        if (*at > 127) return 0;
    return 1;
}

/* Where the features of all examples go: place f * rows + r for feature f of example r, and for each feature what they have in
 * common. */
typedef struct {
    int64_t rows;
    int64_t *starts, *sizes, *counts, *totals, *each, *widths;
} Places;

/* Reads the features of one example into column `row`. Returns 0 when it is not of the usual form. */
static int locate_in(const Wanted *wanted, const uint8_t *example, int64_t size, int64_t row, const Places *places) {
    Span whole = {example, example + size}, features, entry, key, feature, list;
    if (size == 0) return 1;
    if (!field(&whole, FIELD_1, &features) || whole.at != whole.end) return 0;
    while (features.at < features.end) {
        if (!field(&features, FIELD_1, &entry) || !field(&entry, FIELD_1, &key) || !field(&entry, FIELD_2, &feature)) return 0;
        if (entry.at != entry.end) return 0;
        int64_t found = look_up(wanted, key.at, key.end - key.at, -1);
        /* Names must be UTF-8; those that are asked for are. */
        if (found < 0 && !is_ascii(&key)) return 0;
        int64_t count = MISSING, width = NOTHING;
        list = feature;
        if (feature.at < feature.end) {
            uint8_t kind = *feature.at;
            if (kind != FIELD_1 && kind != FIELD_2 && kind != FIELD_3) return 0;
            if (!field(&feature, kind, &list) || feature.at != feature.end) return 0;
            count = count_values(&list, kind, found < 0 ? &width : &places->widths[found]);
            if (count < 0) return 0;
            if (found >= 0 && kind != wanted->kinds[found]) count = ANOTHER_KIND;
        }
        if (found < 0) continue;
        places->starts[found * places->rows + row] = (int64_t)(intptr_t)list.at;
        places->sizes[found * places->rows + row] = list.end - list.at;
        places->counts[found * places->rows + row] = count;
    }
    return 1;
}

/* Counts the values of each feature. Returns 0 when an example has one in another list. */
static int add_up(const Places *places, int64_t features) {
    for (int64_t feature = 0; feature < features; feature++) {
        const int64_t *counts = places->counts + feature * places->rows;
        int64_t total = 0, each = NOTHING;
        for (int64_t row = 0; row < places->rows; row++) {
            if (counts[row] == ANOTHER_KIND) return 0;
            total += counts[row] > 0 ? counts[row] : 0;
            each = counts[row] < 0 ? DIFFERENT : in_common(each, counts[row]);
        }
        places->totals[feature] = total;
        places->each[feature] = each;
    }
    return 1;
}

/* Finds features in a batch of examples, which stand one after the other in `joined` or, where that is NULL, each at its address.
 *
 * `keys` holds the names one after the other, `ends` where each ends, `kinds` the tag of the list each is wanted from. For
 * feature f and example r, place f * rows + r of `starts` becomes the address of the values, of `sizes` their size in bytes,
 * and of `counts` their number, -1 where the example has none. `common` gets for each feature the number of values; then for each
 * the number that every example has; then the size that all its strings have; negative where there is no such number. Returns 1,
 * or 0 when protobuf has to look. */
int64_t headrace_locate_features(const uint8_t *joined, const uint8_t *const *apart, const int64_t *lengths, int64_t rows,
                                 const uint8_t *keys, const int64_t *ends, const uint8_t *kinds, int64_t features,
                                 int64_t *starts, int64_t *sizes, int64_t *counts, int64_t *common) {
    Wanted wanted = {keys, ends, kinds, 0, NULL};
    const Places places = {rows, starts, sizes, counts, common, common + features, common + 2 * features};
    int sound = make_table(&wanted, features);
    for (int64_t i = 0; i < features * rows; i++) counts[i] = MISSING;
    for (int64_t i = 0; i < features; i++) places.widths[i] = NOTHING;
    for (int64_t row = 0; row < rows && sound; row++) {
        sound = locate_in(&wanted, joined ? joined : apart[row], lengths[row], row, &places);
        if (joined) joined += lengths[row];
    }
    free(wanted.slots);
    return sound && add_up(&places, features);
}

/* The functions below read the values of one feature that headrace_locate_features found, example after example. */

static Span values_at(const int64_t *starts, const int64_t *sizes, int64_t row) {
    const uint8_t *start = (const uint8_t *)(intptr_t)starts[row];
    return (Span){start, start + sizes[row]};
}

int64_t headrace_read_floats(const int64_t *starts, const int64_t *sizes, const int64_t *counts, int64_t rows, float *values) {
    for (int64_t row = 0; row < rows; row++) {
        if (counts[row] <= 0) continue;
        memcpy(values, values_at(starts, sizes, row).at, (size_t)sizes[row]);
        values += counts[row];
    }
    return 0;
}

int64_t headrace_read_integers(const int64_t *starts, const int64_t *sizes, const int64_t *counts, int64_t rows,
                               int64_t *values) {
    for (int64_t row = 0; row < rows; row++) {
        if (counts[row] <= 0) continue;
        Span list = values_at(starts, sizes, row);
        uint64_t value;
        while (varint(&list, &value)) *values++ = (int64_t)value;
    }
    return 0;
}

/* Writes where each string begins and ends: in `joined`, or where that is NULL in its example. */
int64_t headrace_read_strings(const int64_t *starts, const int64_t *sizes, const int64_t *counts, int64_t rows,
                              const uint8_t *joined, const uint8_t *const *apart, int64_t *begins, int64_t *ends) {
    for (int64_t row = 0; row < rows; row++) {
        if (counts[row] <= 0) continue;
        Span list = values_at(starts, sizes, row), value;
        const uint8_t *origin = joined ? joined : apart[row];
        while (field(&list, FIELD_1, &value)) {
            *begins++ = value.at - origin;
            *ends++ = value.end - origin;
        }
    }
    return 0;
}

/* Writes the strings side by side. */
int64_t headrace_pack_strings(const int64_t *starts, const int64_t *sizes, const int64_t *counts, int64_t rows,
                              uint8_t *strings) {
    for (int64_t row = 0; row < rows; row++) {
        if (counts[row] <= 0) continue;
        Span list = values_at(starts, sizes, row), value;
        while (field(&list, FIELD_1, &value)) {
            memcpy(strings, value.at, (size_t)(value.end - value.at));
            strings += value.end - value.at;
        }
    }
    return 0;
}
