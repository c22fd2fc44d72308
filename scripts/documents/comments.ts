// The comments of the proto files, which generated code does not carry.

import { execFileSync } from "node:child_process";
import { fromBinary } from "@bufbuild/protobuf";
import { type FileDescriptorProto, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

/** By the full name of what is commented; line breaks are blanks. */
export type Comments = ReadonlyMap<string, string>;

/** Numbers of fields in descriptor.proto, of which a location's path is made. */
const FILE = { message: 4, enum: 5, service: 6 };
const MEMBER = 2;

/** Reads the comments of all messages, enums, services, and what they consist of. */
export function readComments(root: string): Comments {
  const set = execFileSync("buf", ["build", "--as-file-descriptor-set", "-o", "-"], { cwd: root });
  const comments = new Map<string, string>();
  for (const file of fromBinary(FileDescriptorSetSchema, set).file) {
    const texts = new Map(
      file.sourceCodeInfo?.location.map(({ path, leadingComments }) => [path.join(), leadingComments]),
    );
    for (const [name, path] of paths(file)) {
      const text = texts
        .get(path.join())
        ?.trim()
        .replaceAll(/\s*\n\s*/g, " ");
      if (text) {
        comments.set(name, text);
      }
    }
  }
  return comments;
}

function* paths(file: FileDescriptorProto): Generator<[name: string, path: number[]]> {
  const groups = [
    [FILE.message, file.messageType.map(({ name, field }) => ({ name, members: field }))],
    [FILE.enum, file.enumType.map(({ name, value }) => ({ name, members: value }))],
    [FILE.service, file.service.map(({ name, method }) => ({ name, members: method }))],
  ] as const;
  for (const [kind, types] of groups) {
    for (const [index, { name, members }] of types.entries()) {
      const fullName = `${file.package}.${name}`;
      yield [fullName, [kind, index]];
      for (const [position, member] of members.entries()) {
        yield [`${fullName}.${member.name}`, [kind, index, MEMBER, position]];
      }
    }
  }
}
