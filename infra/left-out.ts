// Modules that our packages ask for and our functions never use. Each is replaced by one that says
// so if it is asked after all.
import type { Plugin } from "esbuild";

type LeftOut = {
  readonly module: RegExp;
  readonly why: string;
  /**
   * True if it is loaded although it is not used: then it must load, and fail at its first use.
   * Otherwise loading it fails.
   */
  readonly isLoaded?: true;
};

const leftOut: readonly LeftOut[] = [
  {
    module: /^@aws-sdk\/credential-provider-(ini|sso|process|web-identity|http)$/,
    why: "a function's credentials are in its environment",
  },
  { module: /^@smithy\/credential-provider-imds$/, why: "a function runs on no instance" },
  { module: /^bowser$/, why: "a function runs in no browser" },
  { module: /\/milo\/(no-)?simd\.js$/, why: "undici's other parser is off unless UNDICI_USE_MILO" },
  { module: /\/llhttp-wasm\.js$/, why: "Graviton has SIMD, so undici takes llhttp_simd" },
  { module: /\/native\/kernel$/, why: "the SQL driver's native kernel is off unless asked for" },
  { module: /^lz4-napi$/, why: "results of ours are small, and not compressed" },
  { module: /^proxy-agent$/, why: "no proxy is configured", isLoaded: true },
  { module: /^open$/, why: "a function opens no browser to sign in", isLoaded: true },
];

export const leaveOut: Plugin = {
  name: "leave-out",
  setup(build) {
    for (const { module, why, isLoaded } of leftOut) {
      const namespace = `left-out: ${why}`;
      build.onResolve({ filter: module }, ({ path }) => ({ path, namespace }));
      build.onLoad({ filter: /.*/, namespace }, ({ path }) => {
        const sentence = JSON.stringify(`${path} is left out of this bundle: ${why}`);
        // A package that can do without a module looks for this code.
        const error = `Object.assign(new Error(${sentence}),{code:"MODULE_NOT_FOUND"})`;
        return {
          contents: isLoaded
            ? `module.exports=new Proxy({},{get:()=>function(){throw ${error}}})`
            : `throw ${error}`,
        };
      });
    }
  },
};
