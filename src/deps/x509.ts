/** Door to `@peculiar/x509`: makes certificates. Heavy (70 ms, 28 MB): import it when one is to be made, not before. */

export * from "npm:@peculiar/x509@1.14.0";
