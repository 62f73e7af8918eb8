/* The entry: the C SDK calls the procedure that Nim exports. */
#include "tollgate.h"

tg_result tg_nim_handle(void *event);

tg_result handle(const tg_event *event) { return tg_nim_handle((void *)event); }

/* Checked multiplications of 64-bit integers need a product of 128 bits. That function is in
 * compiler-rt, which is packaged apart for WebAssembly. */
typedef int wide __attribute__((mode(TI)));
typedef unsigned unsigned_wide __attribute__((mode(TI)));

wide __multi3(wide one, wide other) {
    uint64_t a = (uint64_t)one, b = (uint64_t)other;
    uint64_t a0 = (uint32_t)a, a1 = a >> 32, b0 = (uint32_t)b, b1 = b >> 32;
    uint64_t low = a0 * b0, middle = a1 * b0 + (low >> 32), cross = a0 * b1 + (uint32_t)middle;
    uint64_t high = a1 * b1 + (middle >> 32) + (cross >> 32);
    high += (uint64_t)(one >> 64) * b + a * (uint64_t)(other >> 64);
    return (wide)((unsigned_wide)high << 64 | (cross << 32 | (uint32_t)low));
}
