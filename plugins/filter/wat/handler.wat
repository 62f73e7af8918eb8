;; Passes on the events whose subject begins with `prefix` in `config`.
;;
;; The canonical ABI gives these types to the interfaces in wit/. A text is an address and a length.
;; A result with more than one part is written to an address that the caller names.
(module
  ;; config.get(key) -> option<string>
  (import "tollgate:handler/config@0.1.0" "get"
    (func $config_get (param $key i32) (param $key_length i32) (param $result i32)))
  ;; state.add(key, delta) -> result<_, error>
  (import "tollgate:handler/state@0.1.0" "add"
    (func $state_add (param $key i32) (param $key_length i32) (param $delta i64) (param $result i32)))
  ;; emit.emit({ kind, subject: option, payload }) -> result<string, error>
  (import "tollgate:handler/emit@0.1.0" "emit"
    (func $emit (param $kind i32) (param $kind_length i32)
      (param $has_subject i32) (param $subject i32) (param $subject_length i32)
      (param $payload i32) (param $payload_length i32) (param $result i32)))

  (memory (export "memory") 1)
  (data (i32.const 0) "prefix")
  (data (i32.const 16) "passed")
  (data (i32.const 32) "filtered.")
  (data (i32.const 48) "`config` has no prefix")
  (data (i32.const 80) "the event has no subject")
  (data (i32.const 112) " does not begin with ")
  (data (i32.const 144) "the counter is none")
  (data (i32.const 176) "the event cannot be emitted")

  ;; The results of calls: `config.get` at 256, the others at 272. The answer is at 1024.
  ;; Memory is given out from 4096 on, and never taken back: an instance serves one event.
  (global $top (mut i32) (i32.const 4096))

  ;; The gateway asks for room for the event and for texts. Arguments: an old block (none is ever
  ;; moved), its size, the alignment, the new size.
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

  ;; Whether the bytes at two addresses are the same.
  (func $same (param $one i32) (param $other i32) (param $length i32) (result i32)
    (block $end
      (loop $next
        (br_if $end (i32.eqz (local.get $length)))
        (local.set $length (i32.sub (local.get $length) (i32.const 1)))
        (if (i32.ne
              (i32.load8_u (i32.add (local.get $one) (local.get $length)))
              (i32.load8_u (i32.add (local.get $other) (local.get $length))))
          (then (return (i32.const 0))))
        (br $next)))
    (i32.const 1))

  ;; Copies bytes to an address, and returns the address behind them.
  (func $append (param $to i32) (param $from i32) (param $length i32) (result i32)
    (memory.copy (local.get $to) (local.get $from) (local.get $length))
    (i32.add (local.get $to) (local.get $length)))

  ;; The answer `ignored`.
  (func $ignored (param $reason i32) (param $length i32) (result i32)
    (i32.store8 offset=8 (i32.const 1024) (i32.const 1))
    (i32.store offset=12 (i32.const 1024) (local.get $reason))
    (i32.store offset=16 (i32.const 1024) (local.get $length))
    (i32.const 1024))

  ;; The answer `reject`.
  (func $reject (param $reason i32) (param $length i32) (result i32)
    (i32.store8 (i32.const 1024) (i32.const 1))
    (i32.store8 offset=8 (i32.const 1024) (i32.const 1))
    (i32.store offset=16 (i32.const 1024) (local.get $reason))
    (i32.store offset=20 (i32.const 1024) (local.get $length))
    (i32.const 1024))

  ;; The answer for a subject that begins otherwise.
  (func $other
    (param $subject i32) (param $length i32) (param $prefix i32) (param $prefix_length i32)
    (result i32)
    (local $text i32) (local $end i32)
    (local.set $text
      (call $realloc (i32.const 0) (i32.const 0) (i32.const 1)
        (i32.add (i32.add (local.get $length) (i32.const 21)) (local.get $prefix_length))))
    (local.set $end (call $append (local.get $text) (local.get $subject) (local.get $length)))
    (local.set $end (call $append (local.get $end) (i32.const 112) (i32.const 21)))
    (local.set $end (call $append (local.get $end) (local.get $prefix) (local.get $prefix_length)))
    (call $ignored (local.get $text) (i32.sub (local.get $end) (local.get $text))))

  ;; Emits the event again. The record of the event has the kind at 28, the subject at 40 and the
  ;; payload at 112, each with its length behind it.
  (func $pass (param $event i32) (result i32)
    (local $kind i32) (local $length i32)
    (local.set $length (i32.load offset=32 (local.get $event)))
    (local.set $kind
      (call $realloc (i32.const 0) (i32.const 0) (i32.const 1)
        (i32.add (local.get $length) (i32.const 9))))
    (drop
      (call $append
        (call $append (local.get $kind) (i32.const 32) (i32.const 9))
        (i32.load offset=28 (local.get $event))
        (local.get $length)))
    (call $emit
      (local.get $kind) (i32.add (local.get $length) (i32.const 9))
      (i32.const 1) (i32.load offset=40 (local.get $event)) (i32.load offset=44 (local.get $event))
      (i32.load offset=112 (local.get $event)) (i32.load offset=116 (local.get $event))
      (i32.const 272))
    (i32.load8_u (i32.const 272)))

  ;; handle(event) -> result<outcome, failure>
  (func (export "handle") (param $event i32) (result i32)
    (local $prefix i32) (local $prefix_length i32) (local $length i32)
    (call $config_get (i32.const 0) (i32.const 6) (i32.const 256))
    (if (i32.eqz (i32.load8_u (i32.const 256)))
      (then (return (call $reject (i32.const 48) (i32.const 22)))))
    (local.set $prefix (i32.load (i32.const 260)))
    (local.set $prefix_length (i32.load (i32.const 264)))
    ;; Whether there is a subject stands at 36 of the event.
    (if (i32.eqz (i32.load8_u offset=36 (local.get $event)))
      (then (return (call $ignored (i32.const 80) (i32.const 24)))))
    (local.set $length (i32.load offset=44 (local.get $event)))
    (if (i32.or
          (i32.lt_u (local.get $length) (local.get $prefix_length))
          (i32.eqz
            (call $same
              (i32.load offset=40 (local.get $event)) (local.get $prefix)
              (select (local.get $length) (local.get $prefix_length)
                (i32.lt_u (local.get $length) (local.get $prefix_length))))))
      (then
        (return
          (call $other
            (i32.load offset=40 (local.get $event)) (local.get $length)
            (local.get $prefix) (local.get $prefix_length)))))
    (call $state_add (i32.const 16) (i32.const 6) (i64.const 1) (i32.const 272))
    (if (i32.load8_u (i32.const 272))
      (then (return (call $reject (i32.const 144) (i32.const 19)))))
    (if (call $pass (local.get $event))
      (then (return (call $reject (i32.const 176) (i32.const 27)))))
    ;; All zeros are `done`.
    (i32.const 1024)))
