/** The form of a file of login requests. */
import * as v from "valibot";
import { headerName, object, statuses } from "../forms.ts";
import { CONTROL } from "../setting.ts";
import { parseDuration } from "../units.ts";

const NAME = /^[A-Za-z_]\w{0,63}$/;

/** The JSON form of a file of login requests. Made when there is one to check: virtual users without one hold none. */
export function loginSchema() {
  const text = (what: string) => v.pipe(v.string("a text"), v.description(what));
  const variable = v.pipe(v.string(), v.regex(NAME, "the name of a variable"));
  const pointer = v.pipe(
    v.string("a text"),
    v.regex(/^(?:\/(?:[^~]|~[01])*)?$/, 'a JSON Pointer such as "/access_token"'),
  );
  const duration = (what: string) =>
    v.pipe(
      v.string("a text"),
      v.check((value) => (parseDuration(value) ?? 0) > 0, 'a duration above zero such as "30s" or "5m"'),
      v.description(what),
    );

  const oneLine = v.pipe(
    v.string("a text"),
    v.check((value) => !CONTROL.test(value), "a text without control characters"),
  );

  const Capture = v.union(
    [
      v.pipe(pointer, v.description("The place in the JSON of the answer: a JSON Pointer (RFC 6901).")),
      v.strictObject({ header: v.pipe(headerName(), v.description("A header of the answer, in any case.")) }),
      v.strictObject({ cookie: v.pipe(headerName(), v.description("A cookie that the answer sets.")) }),
    ],
    'a JSON Pointer, {"header": "Name"} or {"cookie": "name"}',
  );

  const Request = object(
    {
      method: v.exactOptional(
        v.pipe(
          v.picklist(["GET", "POST", "PUT", "PATCH", "DELETE"], "GET, POST, PUT, PATCH or DELETE"),
          v.description("Default: POST with a body or a form, otherwise GET."),
        ),
      ),
      url: v.pipe(
        v.string("a text"),
        v.regex(
          /^(https?:\/\/[^\s/?#@]+|\$\{\w+\}|\/)[^\s#]*$/,
          "an http:// or https:// URL without a user name or a fragment, or a path that begins with /",
        ),
        v.description(
          "The URL. A path is on the host of WS_URL. Variables in path and query are percent-encoded.",
        ),
      ),
      headers: v.exactOptional(
        v.pipe(
          v.record(headerName(), oneLine, "an object of headers"),
          v.description("Headers, with variables in them."),
        ),
      ),
      body: v.exactOptional(
        text("The body, with variables in it; in JSON a variable is written as JSON, as in messages."),
      ),
      form: v.exactOptional(
        v.pipe(
          v.record(v.string(), v.string("a text"), "an object of texts"),
          v.description("Fields of a form (application/x-www-form-urlencoded) in the place of a body."),
        ),
      ),
      basic: v.exactOptional(
        object(
          { user: text("The user."), password: text("The password.") },
          "HTTP Basic credentials (RFC 7617), with variables in them.",
        ),
      ),
      status: v.exactOptional(
        statuses(200, "The right statuses. Default: any from 200 to 299. Redirects are not followed."),
      ),
      capture: v.exactOptional(
        v.pipe(
          v.record(variable, Capture, "an object of names and where their values are"),
          v.description("Variables to take from the answer."),
        ),
      ),
    },
    "A request.",
  );

  return object(
    {
      $schema: v.exactOptional(v.string("a text")),
      env: v.exactOptional(
        v.pipe(
          v.record(
            variable,
            v.pipe(v.string("a text"), v.regex(NAME, "the name of an environment variable")),
            "an object of names",
          ),
          v.description("Variables for the requests from the environment, so that the file holds no secret."),
        ),
      ),
      requests: v.pipe(
        v.array(Request, "a list of requests"),
        v.minLength(1, "at least one request"),
        v.maxLength(16, "at most 16 requests"),
        v.description("The requests before a connection, one after the other."),
      ),
      url: v.exactOptional(
        v.pipe(
          v.string("a text"),
          v.regex(
            /^((wss?|https?):\/\/[^\s/?#@]+|\$\{\w+\})[^\s#]*$/,
            "a ws://, wss://, http:// or https:// URL without a user name or a fragment",
          ),
          v.description(
            "The URL to connect to, in place of WS_URL. Variables in its path and query are percent-encoded; earlier ones are not.",
          ),
        ),
      ),
      expires: v.exactOptional(
        object(
          {
            after: v.exactOptional(duration("How long a login is valid, counted from its last answer.")),
            seconds: v.exactOptional(
              v.pipe(
                pointer,
                v.description("The place of that time in the last answer, as a number of seconds."),
              ),
            ),
            before: v.exactOptional(
              duration("How long before its end to renew it, at most half of its time. Default 30s."),
            ),
          },
          "How long a login can be reused. Without it, each attempt to connect has its own login.",
        ),
      ),
      shared: v.exactOptional(
        v.pipe(
          v.boolean("true or false"),
          v.description(
            "Whether all connections of a virtual user share one login. A run has at most 20 virtual users. Default false.",
          ),
        ),
      ),
    },
    "Requests before a connection.",
  );
}

/** A file of login requests, as it is written. */
export type LoginSpec = v.InferOutput<ReturnType<typeof loginSchema>>;
