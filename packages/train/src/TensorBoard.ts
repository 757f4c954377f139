// TensorBoard's event files: TFRecord frames (length, masked CRC32C, bytes, masked CRC32C) around `Event` messages of
// tensorflow/core/util/event.proto. Written and read without TensorFlow; only scalars are known here.
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire"

/** One scalar of one step. */
export interface ScalarEvent {
  readonly step: number
  /** Seconds since 1970. */
  readonly wallTime: number
  readonly tag: string
  /** float32, as the format keeps it. */
  readonly value: number
}

// -------------------- CRC32C --------------------

/** The reflected Castagnoli polynomial 0x1EDC6F41, one byte at a time. */
const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  return crc
})

/** CRC32C (RFC 3720, appendix B.4) as an unsigned integer. */
export const crc32c = (bytes: Uint8Array): number => {
  let crc = 0xffffffff
  for (const byte of bytes) crc = table[(crc ^ byte) & 0xff]! ^ (crc >>> 8)
  return (crc ^ 0xffffffff) >>> 0
}

/** TFRecord rotates a checksum by 15 bits and adds a constant, so that checksums of checksums do not cancel. */
const masked = (bytes: Uint8Array): number => {
  const crc = crc32c(bytes)
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0
}

// -------------------- frames --------------------

const frame = (bytes: Uint8Array): Uint8Array => {
  const whole = new Uint8Array(bytes.length + 16)
  const view = new DataView(whole.buffer)
  view.setBigUint64(0, BigInt(bytes.length), true)
  view.setUint32(8, masked(whole.subarray(0, 8)), true)
  whole.set(bytes, 12)
  view.setUint32(12 + bytes.length, masked(bytes), true)
  return whole
}

/** The contents of whole frames; a last one that a crash cut short is left out. Throws on a wrong checksum. */
const frames = (file: Uint8Array): Array<Uint8Array> => {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  const found: Array<Uint8Array> = []
  let at = 0
  while (at + 16 <= file.length) {
    const length = Number(view.getBigUint64(at, true))
    if (view.getUint32(at + 8, true) !== masked(file.subarray(at, at + 8))) {
      throw new RangeError(`event file: wrong checksum of the length at byte ${at}`)
    }
    if (at + 16 + length > file.length) break
    const bytes = file.subarray(at + 12, at + 12 + length)
    if (view.getUint32(at + 12 + length, true) !== masked(bytes)) {
      throw new RangeError(`event file: wrong checksum of the record at byte ${at}`)
    }
    found.push(bytes)
    at += 16 + length
  }
  return found
}

// -------------------- messages --------------------

/** Field numbers of event.proto and summary.proto. */
const Event = { wallTime: 1, step: 2, fileVersion: 3, summary: 5, sessionLog: 7 } as const
const Summary = { value: 1 } as const
const Value = { tag: 1, simpleValue: 2 } as const
const SessionLog = { status: 1, start: 1 } as const

const event = (wallTime: number, step: number, body: (writer: BinaryWriter) => BinaryWriter): Uint8Array =>
  frame(
    body(
      new BinaryWriter()
        .tag(Event.wallTime, WireType.Bit64).double(wallTime)
        .tag(Event.step, WireType.Varint).int64(step)
    ).finish()
  )

/** What an event file begins with. */
export const fileHeader = (wallTime: number): Uint8Array =>
  event(wallTime, 0, (writer) => writer.tag(Event.fileVersion, WireType.LengthDelimited).string("brain.Event:2"))

/** Says that a run goes on at `step`: a reader drops what earlier files say of that step and later ones. */
export const restart = (wallTime: number, step: number): Uint8Array =>
  event(wallTime, step, (writer) =>
    writer.tag(Event.sessionLog, WireType.LengthDelimited).fork()
      .tag(SessionLog.status, WireType.Varint).int32(SessionLog.start)
      .join())

/** The scalars of one step. */
export const scalars = (wallTime: number, step: number, values: Readonly<Record<string, number>>): Uint8Array =>
  event(wallTime, step, (writer) => {
    writer.tag(Event.summary, WireType.LengthDelimited).fork()
    for (const [tag, value] of Object.entries(values)) {
      writer.tag(Summary.value, WireType.LengthDelimited).fork()
        .tag(Value.tag, WireType.LengthDelimited).string(tag)
        .tag(Value.simpleValue, WireType.Bit32).float(value)
        .join()
    }
    return writer.join()
  })

interface Decoded {
  wallTime: number
  step: number
  readonly values: Array<{ tag: string; value: number }>
  restarts: boolean
}

/** Calls the handler of each field that is in the table and skips the others. */
const readFields = (
  reader: BinaryReader,
  end: number,
  fields: Readonly<Record<number, (reader: BinaryReader) => void>>
): void => {
  while (reader.pos < end) {
    const [number, type] = reader.tag()
    const handle = fields[number]
    if (handle === undefined) reader.skip(type, number)
    else handle(reader)
  }
}

/** A nested message: its length, then its fields. */
const nested = (fields: () => Readonly<Record<number, (reader: BinaryReader) => void>>) => (reader: BinaryReader) => {
  const length = reader.uint32()
  readFields(reader, reader.pos + length, fields())
}

const decode = (bytes: Uint8Array): Decoded => {
  const found: Decoded = { wallTime: 0, step: 0, values: [], restarts: false }
  const value = nested(() => {
    const entry = { tag: "", value: 0 }
    found.values.push(entry)
    return {
      [Value.tag]: (r) => void (entry.tag = r.string()),
      [Value.simpleValue]: (r) => void (entry.value = r.float())
    }
  })
  readFields(new BinaryReader(bytes), bytes.length, {
    [Event.wallTime]: (r) => void (found.wallTime = r.double()),
    [Event.step]: (r) => void (found.step = Number(r.int64())),
    [Event.summary]: nested(() => ({ [Summary.value]: value })),
    [Event.sessionLog]: nested(() => ({
      [SessionLog.status]: (r) => void (found.restarts = r.int32() === SessionLog.start)
    }))
  })
  return found
}

/**
 * The scalars of a run's event files, given in the order of their names, restarts applied as TensorBoard does.
 *
 * @throws RangeError on a checksum that does not fit
 */
export const readEvents = (files: ReadonlyArray<Uint8Array>): Array<ScalarEvent> => {
  let found: Array<ScalarEvent> = []
  for (const { restarts, step, values, wallTime } of files.flatMap(frames).map(decode)) {
    if (restarts) found = found.filter((scalar) => scalar.step < step)
    found.push(...values.map(({ tag, value }) => ({ step, wallTime, tag, value })))
  }
  return found
}
