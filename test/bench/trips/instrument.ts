/**
 * Puts a call into each function of a source, so that the function reports its entry before it does
 * anything else. Methods, accessors, constructors and arrows count as functions. Code without a
 * separate body does not count, such as the initializer of a field. A generator counts once and not
 * at each `yield`.
 */
import ts from "typescript"
import type { Place } from "./places.ts"

/** The name of the global function that the calls go to. */
export const hook = "__effectHttpClientTrip"

type WithBody = ts.FunctionLikeDeclaration & { readonly body: ts.ConciseBody }

const hasBody = (node: ts.Node): node is WithBody =>
  ts.isFunctionLike(node) && "body" in node && node.body !== undefined

/**
 * The name of a function or class: its own, or that of the variable or property that it is assigned
 * to.
 */
const ownName = (node: WithBody | ts.ClassLikeDeclaration): string | undefined => {
  if (ts.isConstructorDeclaration(node)) return "constructor"
  if (node.name !== undefined) return node.name.getText()
  const { parent } = node
  return ts.isVariableDeclaration(parent) || ts.isPropertyAssignment(parent) || ts.isPropertyDeclaration(parent)
    ? parent.name.getText()
    : undefined
}

/** With the names of the functions and classes around it. */
const fullName = (node: WithBody): string => {
  const names = [ownName(node) ?? "(callback)"]
  for (let outer = node.parent; !ts.isSourceFile(outer); outer = outer.parent) {
    const name = hasBody(outer) || ts.isClassLike(outer) ? ownName(outer) : undefined
    if (name !== undefined) names.unshift(name)
  }
  return names.join(".")
}

/** Where the body of a function begins, behind directives such as "use strict". */
const beginOf = (body: ts.Block): number => {
  let begin = body.getStart() + 1
  for (const statement of body.statements) {
    if (!ts.isExpressionStatement(statement) || !ts.isStringLiteral(statement.expression)) break
    begin = statement.end
  }
  return begin
}

/**
 * The source with the calls in it, on the same lines. Adds its functions to `places`, whose indices
 * the calls pass.
 */
export const instrument = (file: string, text: string, places: Array<Place>): string => {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true)
  const insertions: Array<readonly [at: number, text: string]> = []
  const visit = (node: ts.Node): void => {
    if (hasBody(node)) {
      const { body } = node
      const line = source.getLineAndCharacterOfPosition(node.getStart()).line + 1
      const call = `globalThis.${hook}(${places.push({ file, line, name: fullName(node) }) - 1})`
      if (ts.isBlock(body)) insertions.push([beginOf(body), `;${call};`])
      else insertions.push([body.getStart(), `(${call}, (`], [body.end, "))"])
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  let result = ""
  let done = 0
  // Two insertions at one place are the ends of two arrows, so that their order does not matter.
  for (const [at, inserted] of insertions.toSorted(([a], [b]) => a - b)) {
    result += text.slice(done, at) + inserted
    done = at
  }
  return result + text.slice(done)
}

/** A module of this library as JavaScript. */
export const toJavaScript = (file: string, text: string): string =>
  ts.transpileModule(text, {
    fileName: file,
    compilerOptions: {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.ESNext,
      verbatimModuleSyntax: true,
      rewriteRelativeImportExtensions: true
    }
  }).outputText
