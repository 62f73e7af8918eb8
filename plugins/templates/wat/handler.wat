;; Counts events that have a payload: state `events`. An event without one is ignored.
;;
;; The canonical ABI gives these types to the interfaces in wit/. A text is an address and a length.
;; A result with more than one part is written to an address that the caller names.
(module
  ;; state.add(key, delta) -> result<_, error>
  (import "tollgate:handler/state@0.1.0" "add"
    (func $state_add (param $key i32) (param $key_length i32) (param $delta i64) (param $result i32)))
  ;; log.log(level, message, fields)
  (import "tollgate:handler/log@0.1.0" "log"
    (func $log (param $level i32)
      (param $message i32) (param $message_length i32) (param $fields i32) (param $fields_count i32)))

  (memory (export "memory") 1)
  (data (i32.const 0) "events")
  (data (i32.const 16) "counted")
  (data (i32.const 32) "the event has no payload")
  (data (i32.const 64) "the count is too large")

  ;; Memory is given out from here on, and never taken back: an instance serves one event.
  (global $top (mut i32) (i32.const 4096))

  ;; The gateway asks for room for the event. Arguments: an old block (none is ever moved), its
  ;; size, the alignment, the new size.
  (func $realloc (export "cabi_realloc")
    (param $old i32) (param $old_size i32) (param $align i32) (param $size i32) (result i32)
    (local $at i32)
    ;; at = top, rounded up to a multiple of the alignment
    (local.set $at
      (i32.and
        (i32.add (global.get $top) (i32.sub (local.get $align) (i32.const 1)))
        (i32.sub (i32.const 0) (local.get $align))))
    (global.set $top (i32.add (local.get $at) (local.get $size)))
    ;; Takes pages of 64 KiB until the block fits. A refusal ends the run.
    (block $fits
      (loop $more
        (br_if $fits
          (i32.le_u (global.get $top) (i32.mul (memory.size) (i32.const 65536))))
        (if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then (unreachable)))
        (br $more)))
    (local.get $at))

  ;; handle(event) -> result<outcome, failure>
  ;;
  ;; The event's record has the payload's address at 112 and the payload's length at 116.
  ;; The answer has 40 bytes, at 1024: its kind at 0 (0 ok, 1 failure), the case at 8 (of ok: 0 done,
  ;; 1 ignored; of a failure: 0 retry, 1 reject). The reason's address and length are at 12 and 16
  ;; for ignored, at 16 and 20 for a failure. All zeros are `done`.
  (func (export "handle") (param $event i32) (result i32)
    (if (i32.eqz (i32.load offset=116 (local.get $event)))
      (then
        (i32.store8 offset=8 (i32.const 1024) (i32.const 1))
        (i32.store offset=12 (i32.const 1024) (i32.const 32))
        (i32.store offset=16 (i32.const 1024) (i32.const 24))
        (return (i32.const 1024))))
    (call $state_add (i32.const 0) (i32.const 6) (i64.const 1) (i32.const 512))
    (if (i32.load8_u (i32.const 512))
      (then
        (i32.store8 (i32.const 1024) (i32.const 1))
        (i32.store8 offset=8 (i32.const 1024) (i32.const 1))
        (i32.store offset=16 (i32.const 1024) (i32.const 64))
        (i32.store offset=20 (i32.const 1024) (i32.const 22))
        (return (i32.const 1024))))
    ;; The level is 2: trace, debug, info, warn, error.
    (call $log (i32.const 2) (i32.const 16) (i32.const 7) (i32.const 0) (i32.const 0))
    (i32.const 1024)))
