// Reads the part of Python's pickle protocol 4 that COLLIE's data uses: containers, text, integers, and objects of named
// classes, which become plain objects { pickled, name, state }. Nothing is imported or called, so a pickle can do no harm; any other
// opcode is refused by its number and place.

/** An object of a Python class: its name and what `__setstate__` would get. A call is recorded, not made. */
const pickledObject = (name) => ({ pickled: "object", name, state: undefined })
const pickledCall = (name, args) => ({ pickled: "call", name, args })

const MARK = Symbol("mark")

/** @param {Uint8Array} bytes */
export const readPickle = (bytes) => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const decoder = new TextDecoder("utf-8", { fatal: true })
  const stack = []
  const memo = []
  let at = 0
  const byte = () => view.getUint8(at++)
  const uint32 = () => view.getUint32((at += 4) - 4, true)
  const text = (size) => decoder.decode(bytes.subarray(at, at += size))
  const sinceMark = () => {
    const start = stack.lastIndexOf(MARK)
    return stack.splice(start).slice(1)
  }
  const setItems = (target, items) => {
    for (let i = 0; i < items.length; i += 2) target.set(items[i], items[i + 1])
  }
  const operations = {
    0x80: () => void byte(), // PROTO
    0x95: () => void (at += 8), // FRAME
    0x28: () => stack.push(MARK),
    0x7d: () => stack.push(new Map()), // EMPTY_DICT
    0x5d: () => stack.push([]), // EMPTY_LIST
    0x29: () => stack.push([]), // EMPTY_TUPLE
    0x4e: () => stack.push(null), // NONE
    0x4b: () => stack.push(byte()), // BININT1
    0x4d: () => stack.push(view.getUint16((at += 2) - 2, true)), // BININT2
    0x4a: () => stack.push(view.getInt32((at += 4) - 4, true)), // BININT
    0x8c: () => stack.push(text(byte())), // SHORT_BINUNICODE
    0x58: () => stack.push(text(uint32())), // BINUNICODE
    0x94: () => memo.push(stack.at(-1)), // MEMOIZE
    0x68: () => stack.push(memo[byte()]), // BINGET
    0x6a: () => stack.push(memo[uint32()]), // LONG_BINGET
    0x85: () => stack.push(stack.splice(-1)), // TUPLE1
    0x86: () => stack.push(stack.splice(-2)), // TUPLE2
    0x87: () => stack.push(stack.splice(-3)), // TUPLE3
    0x74: () => stack.push(sinceMark()), // TUPLE
    0x61: () => { // APPEND
      const item = stack.pop()
      stack.at(-1).push(item)
    },
    0x65: () => { // APPENDS
      const items = sinceMark()
      stack.at(-1).push(...items)
    },
    0x73: () => { // SETITEM
      const items = stack.splice(-2)
      setItems(stack.at(-1), items)
    },
    0x75: () => { // SETITEMS
      const items = sinceMark()
      setItems(stack.at(-1), items)
    },
    0x93: () => { // STACK_GLOBAL
      const [, name] = stack.splice(-2)
      stack.push(name)
    },
    0x81: () => { // NEWOBJ
      const [name] = stack.splice(-2)
      stack.push(pickledObject(name))
    },
    0x52: () => { // REDUCE
      const [name, args] = stack.splice(-2)
      stack.push(pickledCall(name, args))
    },
    0x62: () => { // BUILD
      const state = stack.pop()
      stack.at(-1).state = state
    }
  }
  while (at < bytes.length) {
    const place = at
    const code = byte()
    if (code === 0x2e) return stack.pop() // STOP
    const operation = operations[code]
    if (operation === undefined) throw new Error(`pickle opcode 0x${code.toString(16)} at byte ${place} is not one that is read here`)
    operation()
  }
  throw new Error("the pickle ends without a STOP")
}
