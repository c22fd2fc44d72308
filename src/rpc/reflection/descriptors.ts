// Looks up what a client may ask for in a set of descriptors. Knows nothing of RPCs.

import { type DescFile, toBinary } from "@bufbuild/protobuf";
import {
  type DescriptorProto,
  type EnumDescriptorProto,
  type FieldDescriptorProto,
  FileDescriptorProtoSchema,
} from "@bufbuild/protobuf/wkt";

/** Descriptors by all the names that reflection knows. */
export class Descriptors {
  readonly #files = new Map<string, DescFile>();
  readonly #symbols = new Map<string, DescFile>();
  readonly #messages = new Set<string>();
  /** By the extended message's name, then by number. */
  readonly #extensions = new Map<string, Map<number, DescFile>>();
  readonly #encoded = new Map<DescFile, Uint8Array>();

  /** @param files - With them come the files that they import. */
  constructor(files: Iterable<DescFile>) {
    for (const file of withImports(files)) {
      this.#files.set(fileName(file), file);
      this.#addSymbols(file);
    }
  }

  /** @param name - As in an import, for example `google/protobuf/timestamp.proto`. */
  fileByName(name: string): DescFile | undefined {
    return this.#files.get(name);
  }

  /** @param symbol - Full name of a service, method, message, field, oneof, extension, enum or enum value. */
  fileContaining(symbol: string): DescFile | undefined {
    return this.#symbols.get(symbol);
  }

  fileWithExtension(message: string, number: number): DescFile | undefined {
    return this.#extensions.get(message)?.get(number);
  }

  /** Ascending. Undefined: there is no such message. */
  extensionNumbers(message: string): readonly number[] | undefined {
    return this.#messages.has(message)
      ? [...(this.#extensions.get(message)?.keys() ?? [])].sort((a, b) => a - b)
      : undefined;
  }

  /** The file as `google.protobuf.FileDescriptorProto`. */
  encode(file: DescFile): Uint8Array {
    const encoded = this.#encoded.get(file) ?? toBinary(FileDescriptorProtoSchema, file.proto);
    this.#encoded.set(file, encoded);
    return encoded;
  }

  #addSymbols(file: DescFile): void {
    const { proto } = file;
    const scope = proto.package === "" ? "" : `${proto.package}.`;
    for (const message of proto.messageType) this.#addMessage(scope, message, file);
    for (const type of proto.enumType) this.#addEnum(scope, type, file);
    for (const extension of proto.extension) this.#addExtension(scope, extension, file);
    for (const { name, method } of proto.service) {
      this.#addNames(scope, [{ name }], file);
      this.#addNames(`${scope}${name}.`, method, file);
    }
  }

  #addMessage(scope: string, message: DescriptorProto, file: DescFile): void {
    const name = scope + message.name;
    const inner = `${name}.`;
    this.#symbols.set(name, file);
    this.#messages.add(name);
    this.#addNames(inner, message.field, file);
    this.#addNames(inner, message.oneofDecl, file);
    for (const nested of message.nestedType) this.#addMessage(inner, nested, file);
    for (const type of message.enumType) this.#addEnum(inner, type, file);
    for (const extension of message.extension) this.#addExtension(inner, extension, file);
  }

  /** A value's name stands beside its enum, not below it. */
  #addEnum(scope: string, type: EnumDescriptorProto, file: DescFile): void {
    this.#addNames(scope, [type, ...type.value], file);
  }

  #addExtension(scope: string, extension: FieldDescriptorProto, file: DescFile): void {
    this.#addNames(scope, [extension], file);
    const extended = extension.extendee.replace(/^\./, "");
    const numbers = this.#extensions.get(extended) ?? new Map<number, DescFile>();
    this.#extensions.set(extended, numbers.set(extension.number, file));
  }

  #addNames(scope: string, named: Iterable<{ readonly name: string }>, file: DescFile): void {
    for (const { name } of named) this.#symbols.set(scope + name, file);
  }
}

/** These files and all that they import, directly or not: each once, none before the one that was asked for. */
export function withImports(files: Iterable<DescFile>): Set<DescFile> {
  const all = new Set(files);
  // A set hands out what is added while it is walked.
  for (const { dependencies } of all) for (const file of dependencies) all.add(file);
  return all;
}

/** The file's name as other files import it. */
export function fileName(file: DescFile): string {
  return file.proto.name;
}
