/** Rows of a sparse matrix, one after the other: row r holds the entries from `starts[r]` to `starts[r + 1]`. */
export interface SparseMatrix {
  columns: number;
  starts: number[];
  indices: number[];
  values: number[];
}

const maxSteps = 300;
const tolerance = 1e-5;

/** The weights that minimise |Xw − y|² + strength·|w|², by conjugate gradients on the normal equations. */
export function solveRidge(matrix: SparseMatrix, targets: readonly number[], strength: number): Float64Array {
  const weights = new Float64Array(matrix.columns);
  const residual = multiplyTransposed(matrix, Float64Array.from(targets));
  let direction = residual.slice();
  let squared = dot(residual, residual);
  const goal = squared * tolerance ** 2;
  for (let step = 0; step < maxSteps && squared > goal; step++) {
    const image = multiplyTransposed(matrix, multiply(matrix, direction));
    for (let at = 0; at < image.length; at++) image[at] = (image[at] ?? 0) + strength * (direction[at] ?? 0);
    const length = squared / dot(direction, image);
    for (let at = 0; at < weights.length; at++) {
      weights[at] = (weights[at] ?? 0) + length * (direction[at] ?? 0);
      residual[at] = (residual[at] ?? 0) - length * (image[at] ?? 0);
    }
    const next = dot(residual, residual);
    const ratio = next / squared;
    direction = direction.map((value, at) => (residual[at] ?? 0) + ratio * value);
    squared = next;
  }
  return weights;
}

function multiply({ starts, indices, values }: SparseMatrix, vector: Float64Array): Float64Array {
  const product = new Float64Array(starts.length - 1);
  for (let row = 0; row < product.length; row++) {
    let sum = 0;
    const end = starts[row + 1] ?? 0;
    for (let at = starts[row] ?? 0; at < end; at++) sum += (values[at] ?? 0) * (vector[indices[at] ?? 0] ?? 0);
    product[row] = sum;
  }
  return product;
}

function multiplyTransposed({ columns, starts, indices, values }: SparseMatrix, vector: Float64Array): Float64Array {
  const product = new Float64Array(columns);
  for (let row = 0; row < starts.length - 1; row++) {
    const factor = vector[row] ?? 0;
    const end = starts[row + 1] ?? 0;
    for (let at = starts[row] ?? 0; at < end; at++) {
      const column = indices[at] ?? 0;
      product[column] = (product[column] ?? 0) + factor * (values[at] ?? 0);
    }
  }
  return product;
}

function dot(left: Float64Array, right: Float64Array): number {
  let sum = 0;
  for (let at = 0; at < left.length; at++) sum += (left[at] ?? 0) * (right[at] ?? 0);
  return sum;
}
