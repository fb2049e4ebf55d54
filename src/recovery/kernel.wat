;; The inner loop of the recovery layer: adds multiples of one cell to many, in GF(2^8).
;;
;; A product with a constant is looked up by halves: 16 products of the low four bits, 16 of the high four, both of
;; them one shuffle for 16 bytes. The columns are the outer loop, so that a column's halves are taken apart once for
;; all rows. `deno run -A tasks/kernel.ts` makes src/recovery/kernel_bytes.ts of this text.
(module
  (memory (export "memory") 1)
  ;; target   address of the first cell that is added to
  ;; stride   bytes from one of them to the next
  ;; source   address of the cell whose multiples are added
  ;; tables   address of 32 bytes for each row: products of the low halves, products of the high halves
  ;; rows     how many cells are added to, at least 1
  ;; length   bytes of a cell, a multiple of 64, at least 64
  (func (export "addMultiples")
    (param $target i32) (param $stride i32) (param $source i32) (param $tables i32) (param $rows i32) (param $length i32)
    (local $end i32) (local $cell i32) (local $table i32) (local $left i32) (local $low v128) (local $high v128)
    (local $low0 v128) (local $low1 v128) (local $low2 v128) (local $low3 v128)
    (local $high0 v128) (local $high1 v128) (local $high2 v128) (local $high3 v128)
    (local.set $end (i32.add (local.get $target) (local.get $length)))
    (loop $columns
      (local.set $low0 (v128.load (local.get $source)))
      (local.set $low1 (v128.load offset=16 (local.get $source)))
      (local.set $low2 (v128.load offset=32 (local.get $source)))
      (local.set $low3 (v128.load offset=48 (local.get $source)))
      (local.set $high0 (i8x16.shr_u (local.get $low0) (i32.const 4)))
      (local.set $high1 (i8x16.shr_u (local.get $low1) (i32.const 4)))
      (local.set $high2 (i8x16.shr_u (local.get $low2) (i32.const 4)))
      (local.set $high3 (i8x16.shr_u (local.get $low3) (i32.const 4)))
      (local.set $low0 (v128.and (local.get $low0) (v128.const i32x4 0x0f0f0f0f 0x0f0f0f0f 0x0f0f0f0f 0x0f0f0f0f)))
      (local.set $low1 (v128.and (local.get $low1) (v128.const i32x4 0x0f0f0f0f 0x0f0f0f0f 0x0f0f0f0f 0x0f0f0f0f)))
      (local.set $low2 (v128.and (local.get $low2) (v128.const i32x4 0x0f0f0f0f 0x0f0f0f0f 0x0f0f0f0f 0x0f0f0f0f)))
      (local.set $low3 (v128.and (local.get $low3) (v128.const i32x4 0x0f0f0f0f 0x0f0f0f0f 0x0f0f0f0f 0x0f0f0f0f)))
      (local.set $cell (local.get $target))
      (local.set $table (local.get $tables))
      (local.set $left (local.get $rows))
      (loop $each
        (local.set $low (v128.load (local.get $table)))
        (local.set $high (v128.load offset=16 (local.get $table)))
        (v128.store (local.get $cell)
          (v128.xor (v128.load (local.get $cell))
            (v128.xor
              (i8x16.swizzle (local.get $low) (local.get $low0))
              (i8x16.swizzle (local.get $high) (local.get $high0)))))
        (v128.store offset=16 (local.get $cell)
          (v128.xor (v128.load offset=16 (local.get $cell))
            (v128.xor
              (i8x16.swizzle (local.get $low) (local.get $low1))
              (i8x16.swizzle (local.get $high) (local.get $high1)))))
        (v128.store offset=32 (local.get $cell)
          (v128.xor (v128.load offset=32 (local.get $cell))
            (v128.xor
              (i8x16.swizzle (local.get $low) (local.get $low2))
              (i8x16.swizzle (local.get $high) (local.get $high2)))))
        (v128.store offset=48 (local.get $cell)
          (v128.xor (v128.load offset=48 (local.get $cell))
            (v128.xor
              (i8x16.swizzle (local.get $low) (local.get $low3))
              (i8x16.swizzle (local.get $high) (local.get $high3)))))
        (local.set $cell (i32.add (local.get $cell) (local.get $stride)))
        (local.set $table (i32.add (local.get $table) (i32.const 32)))
        (br_if $each (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
      (local.set $source (i32.add (local.get $source) (i32.const 64)))
      (local.set $target (i32.add (local.get $target) (i32.const 64)))
      (br_if $columns (i32.lt_u (local.get $target) (local.get $end))))))
