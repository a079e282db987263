/** Reads the contract that a file holds, whichever of the three forms it has. */
import { AsyncApiError, describedBy, isAsyncApi, loadAsyncApi, sidesOf } from "../asyncapi/index.ts";
import { parseText } from "../asyncapi/text.ts";
import { type Contract, ContractError, type Draft } from "./contract.ts";
import { contractOf, loadContract, type Stated, tagOf } from "./load.ts";
import { Documents, type Json } from "./refs.ts";

export { ContractError } from "./contract.ts";

/** Reads the text of a file by its path relative to the contract's folder. Throws where it cannot. */
export type ReadText = (path: string) => string;

/**
 * @param path of the file. Only the files that it refers to are read from its folder, and only through `read`
 * @throws {@link ContractError} naming the file, the place, the expected value and the actual one
 */
export function readContract(path: string, read: ReadText): Contract {
  const name = path.replace(/^.*[/\\]/, "");
  const budget = { values: 0 };
  const readJson = (file: string) => parseText(read(file), file, budget) as Json;
  try {
    const root = readJson(name);
    return isAsyncApi(root) ? ofAsyncApi(name, read) : loadContract(name, readJson);
  } catch (error) {
    throw error instanceof AsyncApiError ? new ContractError(error.message) : error;
  }
}

/** The draft that the schemas of AsyncAPI are a superset of. */
const DRAFT: Draft = "7";

function ofAsyncApi(name: string, read: ReadText): Contract {
  const document = loadAsyncApi(name, read);
  const { fromServer, fromClient } = sidesOf(document, describedBy(document).side);
  const documents = new Documents(DRAFT, () => {
    throw new ContractError(`${name}: a payload refers to another document`);
  });
  const stated = document.messages.flatMap((message): Stated[] => {
    const kind = tagOf(message.name);
    if (kind === undefined || message.payload === undefined || message.unreadFormat !== undefined) return [];
    const isFromServer = fromServer.includes(message);
    const isFromClient = fromClient.includes(message);
    const place = documents.add(`${name}/messages/${kind}`, message.payload as Json);
    return [
      {
        name: kind,
        place,
        from: isFromServer === isFromClient ? "both" : isFromServer ? "server" : "client",
      },
    ];
  });
  return contractOf(name, DRAFT, documents, stated);
}
