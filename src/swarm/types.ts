/** Words that the parts of the scheduler share. */

/** A connection that pieces can be asked on. */
export type SourceId = number;
/** Names a content. */
export type ContentId = string;

/** A piece to ask for. */
export interface PieceOrder {
  source: SourceId;
  content: ContentId;
  piece: number;
}
